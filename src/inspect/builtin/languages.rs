//! The core of direct injection in other languages, written without accents: the normalised form has none.

use crate::inspect::rule::Rule;
use crate::payload::{Category, Severity};

fn rule(id: &'static str, literals: &'static [&'static str], pattern: &'static str) -> Rule {
    Rule::new(id, Category::Override, Severity::High, "Told, in another language, to drop its instructions.")
        .literals(literals.iter().copied())
        .pattern(pattern)
        .reach(120, 200)
}

pub(super) fn rules() -> Vec<Rule> {
    let mut rules = latin();
    rules.extend(other_scripts());
    rules
}

fn latin() -> Vec<Rule> {
    vec![
        rule(
            "override.es",
            &["instruccion", "indicacion", "ordenes", "directrices", "reglas"],
            r"\b(?:ignor(?:a|e|ar|en|ando|emos)|olvid(?:a|e|ar|en|ate|ese)|descart(?:a|e|ar)|omit(?:e|a|ir)|desobede(?:ce|zca)|haz caso omiso|no (?:sigas|siga|hagas caso)|pas(?:a|e) por alto)(?: de| a)? <w4>(?:instrucci(?:o|&#243;)n(?:es)?|indicaciones|ordenes|directrices|reglas)\b <w4>",
        ),
        rule(
            "override.pt",
            &["instruco", "instrucao", "orientac", "diretrizes", "comandos", "regras"],
            r"\b(?:ignor(?:a|e|ar|em|ando)|esquec(?:a|e|er|am)|desconsider(?:a|e|ar)|descart(?:a|e|ar)|nao (?:siga|sigas))(?: de| as)? <w4>(?:instruco?es|instrucao|orientacoes|ordens|diretrizes|comandos|regras)\b",
        ),
        rule(
            "override.fr",
            &["instruction", "consigne", "directive", "ordres"],
            r"\b(?:ignor(?:e|ez|er|ons|ant)|oubli(?:e|ez|er|ons)|neglig(?:e|ez|er)|ne (?:tenez|tiens|tenir) (?:pas|plus)? ?compte|ne (?:suis|suivez) (?:pas|plus)|fai(?:s|tes) abstraction|outrepass(?:e|ez|er))(?: de| des)? <w4>(?:instructions?|consignes?|directives?|ordres?)\b(?: <w2>(?:precedent|anterieur|ci dessus|que|initial|donne|recu)| de | du |[^0-9A-Za-z]*$|[^0-9A-Za-z]+et )",
        ),
        rule(
            "override.de",
            &["anweisung", "instruktion", "vorgaben", "befehle", "anleitung", "aufforderung", "anordnung"],
            r"\b(?:ignorier(?:e|en|t|st)?|vergiss|vergessen|vergesst|missachte|missachten|missachtet|verwirf|uberspring(?:e|en)?|beachte|befolge|ubergehe|ubergehen|vernachlassige)(?: sie| du)? <w5>(?:anweisung(?:en)?|instruktion(?:en)?|vorgaben|befehle?|anleitung(?:en)?|aufforderung(?:en)?|anordnung(?:en)?|regeln)\b",
        )
        .unless(r"\b(?:beachte|befolge) <w3>(?:folgende|diese|die anweisung)"),
        rule(
            "override.it",
            &["istruzion", "direttive", "indicazioni", "comandi"],
            r"\b(?:ignor(?:a|i|are|ate|ando)|dimentic(?:a|hi|are|ate|atevi|ati)|trascur(?:a|are|ate)|non (?:seguire|seguite)|tralasci(?:a|are))(?: di)? <w4>(?:istruzioni|istruzione|direttive|indicazioni|comandi|regole)\b",
        ),
        rule(
            "override.nl-pl-tr",
            &["instructies", "aanwijzingen", "instrukcj", "polecenia", "talimat", "komutlar"],
            r"\b(?:(?:negeer|vergeet|sla) <w4>(?:instructies?|aanwijzingen|opdrachten)|(?:zignoruj|ignoruj|zapomnij|pomin)(?: o)? <w4>(?:instrukcj[a-z]+|polecenia)|(?:onceki|yukaridaki|tum|daha once[a-z]*) <w3>(?:talimat|komut|yonerge)[a-z]* <w2>(?:gormezden|unut|yok say|dikkate alma|goz ardi))",
        ),
        rule(
            "override.id-vi-fil",
            &["instruksi", "petunjuk", "perintah", "huong dan", "chi dan", "chi thi", "tagubilin", "utos", "panuto"],
            r"(?:\b(?:abaikan|lupakan|mengabaikan)\b <w4>(?:instruksi|petunjuk|perintah|arahan)|\b(?:bo qua|phot lo|quen|lo di)\b <w4>(?:huong dan|chi dan|chi thi|lenh)|\b(?:huwag pansinin|kalimutan|balewalain|huwag mong pansinin|ipagwalang bahala|baliwalain|ignorahin|i ?ignore|iwaksi)(?: mo)? <w5>(?:instruksi|tagubilin|utos|panuto|instruksyon|mga instruksiyon))",
        ),
    ]
}

fn other_scripts() -> Vec<Rule> {
    vec![
        rule(
            "override.zh",
            &["指令", "指示", "提示", "规则", "規則", "命令", "说明", "說明", "要求", "内容", "內容"],
            "(?:忽略|忽视|忽視|无视|無視|忘记|忘記|忘掉|不要理会|不要遵循|不要遵守|别管|抛开|拋開|跳过|取消|违反|绕过)(?:掉|了|你|您|我|的|所有|全部|一切|任何|之前|以前|先前|上述|上面|以上|前面|此前|原有|系统|给|给你|你的|一切的|这些|那些|收到|在|所|中|到|下达|設定|设定){0,10}(?:指令|指示|提示词|提示|命令|规则|規則|说明|說明|要求)|(?:忽略|忽视|无视|忘记|忘掉)(?:掉|你|我|的|所有|全部|一切){0,4}(?:之前|以前|先前|上述|上面|以上|前面|此前)(?:的|所有|全部|一切|任何|给|你|我){0,5}(?:指令|指示|提示|命令|规则|说明|要求|内容|对话|话)",
        )
        .reach(80, 16),
        rule(
            "override.ja",
            &["無視", "忘れ"],
            "(?:指示|命令|指令|プロンプト|ルール|説明|規則|制約|内容)(?:を|は|の|に|ことを|全て|すべて|内容|関する|ついて|し|、|て|ください|なさい|したもの){0,5}(?:無視|忘れ)|(?:無視|忘れ)(?:して|る|て|、|し|ください|下さい|くだ|さい){0,4}(?:以前|これまで|前|上記|先)(?:の|まで|記){0,2}(?:指示|命令|プロンプト)",
        )
        .reach(90, 60),
        rule(
            "override.ko",
            &["무시", "잊어", "잊으"],
            "(?:지시|명령|지침|프롬프트|규칙|설명|안내)(?:사항|문|들|를|을|은|는|모두|전부|내용| ){0,6}(?:무시|잊)",
        )
        .reach(90, 16),
        rule(
            "override.ru",
            &["гнорир", "абудь", "абыть", "ренебрег", "е обращай внимани", "тмени"],
            "(?:гнорир(?:у|ова)[^ ]{0,8}|абудьт?е?|абыть|ренебрегай?т?е?|тмени(?:те)?)(?:[ ][^ .!?]{1,24}){0,4}[ ](?:инструкц|указани|команд|правил|директив|распоряжени|подсказ)",
        )
        .reach(8, 200),
        rule(
            "override.hi-bn",
            &["निर्देश", "नर्देश", "अनदेखा", "নির্দেশ", "উপেক্ষা"],
            "(?:निर्देश|आदेश|हिदायत)[^.!?]{0,120}(?:अनदेखा|नज़रअंदाज़|नजरअंदाज|अनदेखी|उपेक्षा|भूल|भुला|ध्यान)|(?:अनदेखा|भूल|उपेक्षा)[^.!?]{0,120}(?:निर्देश|आदेश)|(?:নির্দেশ|আদেশ)[^.!?]{0,120}(?:উপেক্ষা|ভুলে|অগ্রাহ্য)|(?:উপেক্ষা|ভুলে)[^.!?]{0,120}(?:নির্দেশ|আদেশ)",
        )
        .reach(200, 200),
        rule(
            "override.ar-he",
            &["تجاهل", "تعليمات", "התעלם", "הוראות"],
            "(?:تجاهل|تناسى|انس|انسى|اهمل|أهمل|نسيان|تجاهلي|إنسى)(?:[ ][^ .!?]{1,40}){0,3}[ ](?:ال|جميع[ ]|كل[ ])?(?:تعليمات|التعليمات|الأوامر|أوامر|الإرشادات|تعليماتك|الارشادات|توجيهات|التوجيهات)|(?:התעלם|שכח)(?:[ ][^ .!?]{1,40}){0,3}[ ](?:ההוראות|הוראות|ההנחיות)",
        )
        .reach(120, 160),
        rule(
            "override.th-el",
            &["เพิกเฉย", "ละเว้น", "ไม่ต้องสนใจ", "ลืม", "Αγνό", "Αγνο", "αγνό", "Ξέχ", "Ξεχ"],
            "(?:เพิกเฉย|ละเว้น|ไม่ต้องสนใจ|ลืม|ไม่สนใจ|ละเลย)[^.!?]{0,120}(?:คำสั่ง|คำแนะนำ|คําแนะนํา|คําสั่ง)|(?:γνό|γνο|έχ|εχ)[^ ]{1,12}(?:[ ][^ .!?]{1,30}){0,3}[ ](?:οδηγ|εντολ)",
        )
        .reach(16, 200),
    ]
}

//! A model that costs nothing: it writes words, and the same prompt always yields the same ones.

/// What the model wrote, and what that cost.
pub(crate) struct Answer {
    /// One unit each; together, with the spaces they begin with, they are the text.
    pub(crate) words: Vec<String>,
    /// Whether it had more to say than the cap allowed.
    pub(crate) cut: bool,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        self.words.concat()
    }

    pub(crate) fn units(&self) -> u64 {
        self.words.len() as u64
    }
}

/// Answers `prompt` in at most `cap` units. Another `candidate` is another answer.
pub(crate) fn answer(prompt: &str, candidate: u64, cap: Option<u64>) -> Answer {
    let mut dice = Dice(hash(prompt) ^ candidate);
    let sentences = 2 + dice.below(3);
    let mut words: Vec<String> = (0..sentences).flat_map(|_| sentence(&mut dice)).collect();
    let cap = cap.and_then(|cap| usize::try_from(cap).ok()).unwrap_or(usize::MAX);
    let cut = words.len() > cap;
    words.truncate(cap);
    if let Some(first) = words.first_mut() {
        first.remove(0);
    }
    Answer { words, cut }
}

/// What `text` costs: every word one unit for each eight characters it has, or begins to have.
pub(crate) fn units(text: &str) -> u64 {
    text.split_whitespace().map(|word| word.chars().count().div_ceil(8) as u64).sum()
}

// No word is longer than seven letters, so that each is one unit, a full stop included.
const WHICH: &[&str] = &["the", "every", "no", "one", "this", "another"];
const LIKE: &[&str] = &["quiet", "old", "patient", "narrow", "iron", "careful", "distant", "humble"];
const WHO: &[&str] = &["gate", "keeper", "key", "visitor", "wall", "ledger", "lantern", "river", "garden"];
const DOES: &[&str] = &["opens", "guards", "counts", "carries", "follows", "answers", "recalls", "forgets"];
const HOW: &[&[&str]] = &[&["before", "dawn"], &["in", "silence"], &["without", "hurry"], &["once"], &[]];

/// Words with the space before each.
fn sentence(dice: &mut Dice) -> Vec<String> {
    let mut words = vec![dice.pick(WHICH), dice.pick(LIKE), dice.pick(WHO), dice.pick(DOES)];
    words.extend([dice.pick(WHICH), dice.pick(WHO)]);
    words.extend(dice.pick(HOW));
    let mut words: Vec<String> = words.into_iter().map(|word| format!(" {word}")).collect();
    words[0][1..2].make_ascii_uppercase();
    if let Some(last) = words.last_mut() {
        last.push('.');
    }
    words
}

/// Numbers that look random and are not (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// FNV-1a, which will still be itself after the next release of Rust, unlike the hash of the standard library.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

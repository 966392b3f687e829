//! The records of all hops, put together by the ids of requests: each hop hands on its own, and the next one records it as the client's.

use serde_json::Value;

pub(crate) struct Chain {
    records: Vec<Value>,
    exchanges: Vec<Value>,
}

impl Chain {
    pub(crate) fn new(mut records: Vec<Value>, exchanges: Vec<Value>) -> Self {
        records.sort_by(|one, other| text(&one["time"]).cmp(text(&other["time"])));
        Self { records, exchanges }
    }

    /// Prints what came of the request that its client called `id`, hop by hop.
    pub(crate) fn print(&self, id: &str) {
        println!("\n{id}");
        self.print_from(id, 1);
    }

    fn print_from(&self, id: &str, depth: usize) {
        for record in self.records.iter().filter(|record| record["client_request_id"] == id) {
            let (text, who) = (|name: &str| text(&record[name]), &record["principal"]);
            let actors: Vec<&str> =
                who["actors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let through =
                actors.iter().map(|actor| actor.split(' ').next().unwrap_or(actor)).collect::<Vec<_>>();
            let through = if through.is_empty() {
                "herself".to_owned()
            } else {
                format!("through {}", through.join(", through "))
            };
            println!(
                "{:indent$}{:<13}{:<10}{} of {}, {through}",
                "",
                text("hop"),
                text("decision"),
                text("route"),
                self::text(&who["subject"]),
                indent = 2 * depth
            );
            if record["decision"] != "permitted" {
                println!("{:indent$}{:<13}{}: {}", "", "", text("reason"), text("cause"), indent = 2 * depth);
            }
            for exchange in self.exchanges.iter().filter(|exchange| {
                exchange["exchanged_id"].is_string() && exchange["exchanged_id"] == who["credential_id"]
            }) {
                let scopes: Vec<&str> =
                    exchange["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                println!(
                    "{:indent$}{:<13}{:<10}{} at {}: {}",
                    "",
                    "  exchange",
                    self::text(&exchange["decision"]),
                    self::text(&exchange["actor"]),
                    self::text(&exchange["audience"]),
                    scopes.join(" "),
                    indent = 2 * depth
                );
            }
            self.print_from(text("request_id"), depth + 1);
        }
    }

    /// Whether each collection was read, or refused, by whom it should.
    pub(crate) fn is_as_told(&self) -> bool {
        let found: Vec<_> = self
            .records
            .iter()
            .filter(|record| record["hop"] == "vectors")
            .map(|record| {
                let who = &record["principal"];
                let through = who["actors"].as_array().map_or(0, Vec::len);
                (
                    text(&who["subject"]),
                    text(&record["route"]),
                    text(&record["decision"]),
                    text(&record["cause"]),
                    through,
                )
            })
            .collect();
        let lacks = "the credential lacks the scope hr:read";
        let told = [
            ("carol", "/collections/hr", "permitted", "", 2),
            ("alice", "/collections/hr", "refused", lacks, 2),
            ("alice", "/collections/docs", "permitted", "", 2),
            ("alice", "/collections/hr", "refused", lacks, 2),
        ];
        if found != told {
            println!("  NOT as told: {found:?}");
        }
        let elsewhere = self.records.iter().filter(|record| record["hop"] != "vectors");
        let all_permitted = elsewhere.clone().all(|record| record["decision"] == "permitted");
        let all_issued = self.exchanges.iter().all(|exchange| exchange["decision"] == "issued");
        found == told && all_permitted && all_issued && elsewhere.count() >= 8
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

//! The Model Context Protocol: JSON-RPC from client to server, in its versions up to 2026-07-28.

use super::{neutral, prompt, reference};
use crate::payload::fields::FieldTable;

pub(in crate::payload::dialect) static MCP: FieldTable = FieldTable::new(&[
    neutral(&["jsonrpc", "id", "method"]),
    neutral(&["params"]).object(&PARAMS),
    prompt(&["result"]).free(),
    prompt(&["error"]).object(&ERROR),
]);

static ERROR: FieldTable =
    FieldTable::new(&[neutral(&["code"]), prompt(&["message"]), prompt(&["data"]).free()]);

/// The parameters of all methods that clients call.
pub(in crate::payload::dialect) static PARAMS: FieldTable = FieldTable::new(&[
    neutral(&["_meta"]).free(),
    prompt(&["name"]),
    prompt(&["arguments", "inputResponses"]).free(),
    prompt(&["requestState"]),
    reference(&["uri", "taskId", "cursor"]),
    neutral(&["task"]).object(&TASK),
    neutral(&["ref"]).object(&COMPLETED),
    prompt(&["argument"]).object(&ARGUMENT),
    neutral(&["context"]).object(&CONTEXT),
    neutral(&["protocolVersion"]),
    neutral(&["capabilities", "notifications"]).free(),
    neutral(&["clientInfo"]).object(&IMPLEMENTATION),
    neutral(&["level", "requestId", "progressToken", "progress", "total"]),
    prompt(&["reason", "message"]),
    neutral(&["status", "createdAt", "lastUpdatedAt", "ttl", "pollInterval"]),
    prompt(&["statusMessage"]),
]);

static TASK: FieldTable = FieldTable::new(&[neutral(&["ttl"])]);

static COMPLETED: FieldTable =
    FieldTable::new(&[neutral(&["type"]), prompt(&["name", "title"]), reference(&["uri"])]);

static ARGUMENT: FieldTable = FieldTable::new(&[prompt(&["name", "value"])]);

static CONTEXT: FieldTable = FieldTable::new(&[prompt(&["arguments"]).free()]);

/// How the client describes itself, for people to see: nothing here is fetched.
static IMPLEMENTATION: FieldTable = FieldTable::new(&[
    prompt(&["name", "title", "description", "websiteUrl"]),
    neutral(&["version"]),
    neutral(&["icons"]).free(),
]);

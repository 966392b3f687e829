//! Gemini's `generateContent` and `streamGenerateContent`. Google's servers take both spellings of every name.

use super::{cost, credential, model, neutral, privileged, prompt, reference, url};
use crate::payload::fields::FieldTable;

pub(in crate::payload::dialect) static GEMINI: FieldTable = FieldTable::protobuf(&[
    prompt(&["contents"]).list(&CONTENT),
    prompt(&["systemInstruction"]).object(&CONTENT),
    neutral(&["generationConfig"]).object(&GENERATION_CONFIG),
    prompt(&["tools"]).list(&TOOL),
    neutral(&["toolConfig"]).object(&TOOL_CONFIG),
    privileged(&["safetySettings"]).list(&SAFETY_SETTING),
    reference(&["cachedContent"]),
    privileged(&["serviceTier"]),
    privileged(&["store"]).harmless(&["false"]),
    neutral(&["labels"]).free(),
]);

pub(in crate::payload::dialect) static CONTENT: FieldTable =
    FieldTable::protobuf(&[neutral(&["role"]), prompt(&["parts"]).list(&PART)]);

pub(in crate::payload::dialect) static PART: FieldTable = FieldTable::protobuf(&[
    prompt(&["text"]),
    prompt(&["inlineData"]).object(&BLOB),
    neutral(&["fileData"]).object(&FILE),
    neutral(&["thought"]),
    prompt(&["thoughtSignature"]),
    prompt(&["functionCall"]).object(&FUNCTION_CALL),
    prompt(&["functionResponse"]).object(&FUNCTION_RESPONSE),
    prompt(&["executableCode", "codeExecutionResult"]).object(&CODE),
    prompt(&["toolCall", "toolResponse"]).object(&TOOL_USE),
    neutral(&["videoMetadata"]).object(&VIDEO),
    cost(&["mediaResolution"]).object(&MEDIA_RESOLUTION),
    neutral(&["partMetadata"]).free(),
    prompt(&["audioTranscription"]).free(),
]);

static BLOB: FieldTable = FieldTable::protobuf(&[prompt(&["data", "displayName"]), neutral(&["mimeType"])]);

static FILE: FieldTable =
    FieldTable::protobuf(&[url(&["fileUri"]), neutral(&["mimeType"]), prompt(&["displayName"])]);

static FUNCTION_CALL: FieldTable = FieldTable::protobuf(&[
    neutral(&["id", "willContinue"]),
    prompt(&["name"]),
    prompt(&["args", "partialArgs"]).free(),
]);

static FUNCTION_RESPONSE: FieldTable = FieldTable::protobuf(&[
    neutral(&["id", "willContinue", "scheduling"]),
    prompt(&["name"]),
    prompt(&["response"]).free(),
    prompt(&["parts"]).list(&RESPONSE_PART),
]);

static RESPONSE_PART: FieldTable =
    FieldTable::protobuf(&[prompt(&["inlineData"]).object(&BLOB), neutral(&["fileData"]).object(&FILE)]);

static CODE: FieldTable =
    FieldTable::protobuf(&[neutral(&["id", "language", "outcome"]), prompt(&["code", "output"])]);

static TOOL_USE: FieldTable =
    FieldTable::protobuf(&[neutral(&["id", "toolType"]), prompt(&["args", "response"]).free()]);

static VIDEO: FieldTable = FieldTable::protobuf(&[neutral(&["startOffset", "endOffset"]), cost(&["fps"])]);

static MEDIA_RESOLUTION: FieldTable = FieldTable::protobuf(&[neutral(&["level", "numTokens"])]);

static SAFETY_SETTING: FieldTable = FieldTable::protobuf(&[neutral(&["category", "method", "threshold"])]);

pub(in crate::payload::dialect) static GENERATION_CONFIG: FieldTable = FieldTable::protobuf(&[
    cost(&["maxOutputTokens"]),
    neutral(&["temperature", "topP", "topK", "seed", "presencePenalty", "frequencyPenalty"]),
    prompt(&["stopSequences"]),
    cost(&["candidateCount"]).harmless(&["1"]),
    neutral(&["responseMimeType"]),
    prompt(&["responseSchema", "responseJsonSchema"]).free(),
    cost(&["responseModalities", "mediaResolution"]),
    cost(&["logprobs"]).harmless(&["0"]),
    cost(&["responseLogprobs"]).harmless(&["false"]),
    neutral(&["thinkingConfig"]).object(&THINKING),
    cost(&["speechConfig"]).free(),
    neutral(&["audioTimestamp", "enableAffectiveDialog", "enableEnhancedCivicAnswers"]),
    model(&["modelSelectionConfig", "routingConfig"]).free(),
    cost(&["responseFormat"]).list(&RESPONSE_FORMAT),
    cost(&["imageConfig"]).free(),
    neutral(&["translationConfig", "audioTranscriptionConfig"]).free(),
]);

static RESPONSE_FORMAT: FieldTable =
    FieldTable::protobuf(&[neutral(&["audio", "image", "text", "video"]).object(&MEDIA_FORMAT)]);

static MEDIA_FORMAT: FieldTable = FieldTable::protobuf(&[
    neutral(&["mimeType", "bitRate", "sampleRate", "aspectRatio", "imageSize", "delivery"]),
    cost(&["duration"]),
    url(&["gcsUri"]),
    prompt(&["jsonSchema"]).free(),
]);

static THINKING: FieldTable =
    FieldTable::protobuf(&[neutral(&["includeThoughts"]), cost(&["thinkingBudget", "thinkingLevel"])]);

/// Functions are the caller's own; all else runs at Google.
static TOOL: FieldTable = FieldTable::protobuf(&[
    prompt(&["functionDeclarations"]).list(&FUNCTION),
    privileged(&["googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext", "computerUse"])
        .free(),
    privileged(&["enterpriseWebSearch"]).free(),
    privileged(&["fileSearch"]).object(&FILE_SEARCH),
    privileged(&["googleMaps"]).object(&MAPS),
    privileged(&["mcpServers"]).list(&MCP_SERVER),
    credential(&["retrieval", "parallelAiSearch", "exaAiSearch"]).free(),
]);

/// The name that the API's documentation has for a member of a tool, however it is spelt.
pub(in crate::payload) fn gemini_tool(name: &str) -> Option<&'static str> {
    TOOL.find(name.as_bytes()).map(|(listed, _)| listed)
}

static FUNCTION: FieldTable = FieldTable::protobuf(&[
    prompt(&["name", "description"]),
    prompt(&["parameters", "parametersJsonSchema", "response", "responseJsonSchema"]).free(),
    neutral(&["behavior"]),
]);

static FILE_SEARCH: FieldTable = FieldTable::protobuf(&[
    reference(&["fileSearchStoreNames"]),
    cost(&["topK"]),
    neutral(&["metadataFilter"]),
]);

static MAPS: FieldTable = FieldTable::protobuf(&[
    credential(&["authConfig"]).free(),
    neutral(&["enableWidget"]),
    neutral(&["groundingTypes"]).free(),
]);

static MCP_SERVER: FieldTable =
    FieldTable::protobuf(&[prompt(&["name"]), neutral(&["streamableHttpTransport"]).object(&TRANSPORT)]);

static TRANSPORT: FieldTable = FieldTable::protobuf(&[
    url(&["url"]),
    credential(&["headers"]).free(),
    neutral(&["timeout", "sseReadTimeout", "terminateOnClose"]),
]);

static TOOL_CONFIG: FieldTable = FieldTable::protobuf(&[
    neutral(&["functionCallingConfig"]).object(&CALLING),
    neutral(&["retrievalConfig"]).object(&RETRIEVAL),
    privileged(&["includeServerSideToolInvocations"]).harmless(&["false"]),
]);

static CALLING: FieldTable = FieldTable::protobuf(&[
    neutral(&["mode", "streamFunctionCallArguments"]),
    prompt(&["allowedFunctionNames"]),
]);

static RETRIEVAL: FieldTable =
    FieldTable::protobuf(&[neutral(&["languageCode"]), neutral(&["latLng"]).object(&PLACE)]);

static PLACE: FieldTable = FieldTable::protobuf(&[neutral(&["latitude", "longitude"])]);

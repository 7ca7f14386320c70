//! GitHub Copilot, the CLI and the cloud agent. Written for its hooks as of 2026.
//!
//! Events come in two formats: with names of their own, of which the event has none, and with those of others. A hook
//! that fails is passed over, so it never fails; what it says has to be one object.

use super::{Arguments, Document, Object, Outcome, Turn, Value, ValueKind, json_string};
use crate::guard::Direction;

pub(super) fn answer(turn: &mut Turn<'_, '_, '_>) -> Object {
    let mut reply = Object::new();
    let root = turn.root;
    let member = |names: [&str; 2]| names.into_iter().find_map(|name| root.get(name));
    let (result, arguments) = (member(["toolResult", "tool_result"]), member(["toolArgs", "tool_input"]));
    if let Some(result) = result {
        after_tool(turn, result, &mut reply);
    } else if let Some(error) = root.get("error") {
        let before = turn.findings.len();
        if !matches!(turn.check(Direction::ToModel, error), Outcome::Clean) {
            let what = turn.named_since(before);
            reply.text("additionalContext", &format!(
                "keyscan: the failure above holds {what}, which could not be hidden. Do not repeat them anywhere. The \
                 user should revoke them, and run `keyscan guard copilot --install --wrap`."
            ));
        }
    } else if arguments.is_some() {
        before_tool(turn, arguments, &mut reply);
    } else if let Some(prompt) = member(["transformedPrompt", "transformed_prompt"]) {
        if let Outcome::Edited(edited) | Outcome::Withheld(_, edited) = turn.check(Direction::ToModel, prompt) {
            reply.raw("modifiedTransformedPrompt", &edited);
        }
    } else if let Some(response) = member(["response", "last_assistant_message"]) {
        if let Outcome::Edited(edited) | Outcome::Withheld(_, edited) = turn.check(Direction::ToModel, response) {
            reply.raw("modifiedResponse", &edited);
        }
    } else {
        // Prompts cannot be stopped here.
        let before = turn.findings.len();
        if !matches!(turn.check_member(Direction::ToModel, "prompt"), Outcome::Clean) {
            let what = turn.named_since(before);
            reply.text(
                "additionalContext",
                &format!(
                    "keyscan: the prompt holds {what}. Do not repeat them anywhere, and tell the user to revoke them."
                ),
            );
        }
    }
    reply
}

fn before_tool(turn: &mut Turn<'_, '_, '_>, arguments: Option<Value<'_, '_>>, reply: &mut Object) {
    let tool =
        turn.root.get_str("toolName").or_else(|| turn.root.get_str("tool_name")).unwrap_or_default().into_owned();
    // Older versions write the arguments as a document in a string.
    let inner = arguments.and_then(Value::as_str).map(std::borrow::Cow::into_owned);
    let document = inner.as_deref().and_then(|inner| Document::parse(inner).ok());
    let arguments = document.as_ref().map(Document::root).filter(|root| root.kind() == ValueKind::Object).or(arguments);
    match turn.arguments(&tool, arguments) {
        Arguments::Kept => {}
        Arguments::Refused(reason) => {
            reply.text("permissionDecision", "deny").text("permissionDecisionReason", &reason);
        }
        Arguments::Changed(changed) => {
            reply.raw("modifiedArgs", &changed);
        }
    }
}

fn after_tool(turn: &mut Turn<'_, '_, '_>, given: Value<'_, '_>, reply: &mut Object) {
    let (edited, kind) = match turn.check(Direction::ToModel, given) {
        Outcome::Clean => return,
        Outcome::Edited(edited) => (edited, None),
        Outcome::Withheld(reason, _) => (result("failure", &reason), Some("failure")),
    };
    let Ok(document) = Document::parse(&edited) else { return };
    let root = document.root();
    let text = |names: [&str; 2]| names.into_iter().find_map(|name| root.get_str(name));
    let shown = text(["textResultForLlm", "text_result_for_llm"]).unwrap_or_else(|| edited.as_str().into());
    let kind = kind.map(Into::into).or_else(|| text(["resultType", "result_type"])).unwrap_or_else(|| "success".into());
    reply.raw("modifiedResult", &result(&kind, &shown));
}

pub(super) fn result(kind: &str, text: &str) -> String {
    format!("{{\"resultType\":{},\"textResultForLlm\":{}}}", json_string(kind), json_string(text))
}

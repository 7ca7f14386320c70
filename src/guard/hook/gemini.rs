//! Gemini CLI. Written for its hooks as of 2026; before 0.42 a request that was edited lost the calls of tools in it.
//!
//! A denied result is replaced by the reason, in every version; so the redacted result is the reason. Answers come chunk
//! by chunk, each to a hook of its own, which cannot see what is split between two: what is whole in one is hidden.

use super::claude::text_of;
use super::{Arguments, Document, Object, Outcome, Turn, Value};
use crate::guard::Direction;

pub(super) fn answer(turn: &mut Turn<'_, '_, '_>) -> Object {
    let (event, mut reply) = (turn.event(), Object::new());
    match event.as_str() {
        "BeforeTool" => match turn.tool_arguments() {
            Arguments::Kept => {}
            Arguments::Refused(reason) => deny(&mut reply, &reason),
            Arguments::Changed(changed) => {
                let mut specific = Object::new();
                specific.text("hookEventName", "BeforeTool").raw("tool_input", &changed);
                reply.object("hookSpecificOutput", specific);
            }
        },
        "AfterTool" => {
            let Some(response) = turn.root.get("tool_response") else { return turn.unknown() };
            // The model gets the first of these, and the user the second; without either, all of it is looked at.
            match turn.check(Direction::ToModel, response) {
                Outcome::Clean => {}
                Outcome::Edited(edited) => deny(&mut reply, &content_of(&edited)),
                Outcome::Withheld(reason, _) => deny(&mut reply, &reason),
            }
        }
        "BeforeAgent" => {
            if let Some(what) = turn.reason_to_stop(Direction::ToModel, "prompt") {
                deny(
                    &mut reply,
                    &format!("{what} in the prompt: take it out, or name the variable or file that has it."),
                );
            }
        }
        "AfterAgent" => {
            if let Some(what) = turn.reason_to_stop(Direction::ToUser, "prompt_response") {
                reply.text("systemMessage", &format!("keyscan: the answer holds {what}. Do not pass it on."));
            }
        }
        "BeforeModel" => replace(turn, Direction::ToModel, "llm_request", &mut reply),
        "AfterModel" => replace(turn, Direction::ToUser, "llm_response", &mut reply),
        "SessionStart" | "SessionEnd" | "Notification" | "PreCompress" | "BeforeToolSelection" => {}
        _ => return turn.unknown(),
    }
    reply
}

fn deny(reply: &mut Object, reason: &str) {
    reply.text("decision", "deny").text("reason", reason);
}

fn replace(turn: &mut Turn<'_, '_, '_>, direction: Direction, name: &str, reply: &mut Object) {
    match turn.check_member(direction, name) {
        Outcome::Clean => {}
        Outcome::Edited(edited) => {
            let (event, mut specific) = (turn.event(), Object::new());
            specific.text("hookEventName", &event).raw(name, &edited);
            reply.object("hookSpecificOutput", specific);
        }
        Outcome::Withheld(reason, _) => deny(reply, &reason),
    }
}

/// What of a result goes to the model.
fn content_of(result: &str) -> String {
    let Ok(document) = Document::parse(result) else { return result.to_owned() };
    let Some(content) = document.root().get("llmContent") else { return text_of(result) };
    let text =
        |value: Value<'_, '_>| value.as_str().or_else(|| value.get_str("text")).map(std::borrow::Cow::into_owned);
    match text(content) {
        Some(text) => text,
        None => {
            let parts: Vec<String> =
                content.elements().map(|part| text(part).unwrap_or_else(|| part.raw().to_owned())).collect();
            if parts.is_empty() { content.raw().to_owned() } else { parts.join("\n") }
        }
    }
}

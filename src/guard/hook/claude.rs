//! Claude Code. Written for 2.1.121 and later, where results of all tools can be replaced.
//!
//! Results of tools that fail and prompts cannot be replaced: the first stop the turn, the second are blocked.

use super::{Arguments, Document, Object, Outcome, Turn, Value};
use crate::guard::Direction;

pub(super) fn answer(turn: &mut Turn<'_, '_, '_>) -> Object {
    let (event, mut reply) = (turn.event(), Object::new());
    match event.as_str() {
        // Without a decision the rules of the user decide, on what is run.
        "PreToolUse" => return turn.before_tool(None),
        "PermissionRequest" => permission(turn, &mut reply),
        "PostToolUse" => return after_tool(turn),
        "PostToolUseFailure" => {
            if let Some(what) = turn.reason_to_stop(Direction::ToModel, "error") {
                stop(
                    &mut reply,
                    &format!(
                        "keyscan stopped here: a tool failed, what it said holds secrets ({what}), and Claude Code lets \
                     nobody replace that. It is in the transcript of this session. Go back before it, or start anew; \
                     `keyscan guard claude-code --install --wrap` hides what failing commands print."
                    ),
                );
            }
        }
        "UserPromptSubmit" | "UserPromptExpansion" => {
            if let Some(what) = turn.reason_to_stop(Direction::ToModel, "prompt") {
                block(
                    &mut reply,
                    &format!("{what}: take it out of the prompt, or name the variable or file that has it."),
                );
                let mut specific = Object::new();
                specific.text("hookEventName", &event).flag("suppressOriginalPrompt", true);
                reply.object("hookSpecificOutput", specific);
            }
        }
        "PostToolBatch" => {
            if let Some(what) = turn.reason_to_stop(Direction::ToModel, "tool_calls") {
                block(&mut reply, &format!("keyscan stopped here: results of tools hold {what}."));
            }
        }
        "MessageDisplay" => display(turn, &mut reply),
        "Stop" | "SubagentStop" => {
            if let Some(what) = turn.reason_to_stop(Direction::ToUser, "last_assistant_message") {
                reply.text("systemMessage", &format!("keyscan: the last answer holds {what}. Do not pass it on."));
            }
        }
        // Nothing of these goes to a model that it did not have.
        "SessionStart" | "SessionEnd" | "Notification" | "PreCompact" | "PostCompact" | "SubagentStart" => {}
        _ => return turn.unknown(),
    }
    reply
}

fn permission(turn: &mut Turn<'_, '_, '_>, reply: &mut Object) {
    let Arguments::Refused(reason) = turn.tool_arguments() else { return };
    let (mut decision, mut specific) = (Object::new(), Object::new());
    decision.text("behavior", "deny").text("message", &reason);
    specific.text("hookEventName", "PermissionRequest").object("decision", decision);
    reply.object("hookSpecificOutput", specific);
}

fn after_tool(turn: &mut Turn<'_, '_, '_>) -> Object {
    let mut reply = Object::new();
    let Some(response) = turn.root.get("tool_response") else { return turn.unknown() };
    let edited = match turn.check(Direction::ToModel, response) {
        Outcome::Clean => return reply,
        Outcome::Edited(edited) => edited,
        Outcome::Withheld(reason, shaped) => {
            reply.text("systemMessage", &reason);
            shaped
        }
    };
    let mut specific = Object::new();
    specific.text("hookEventName", "PostToolUse").raw("updatedToolOutput", &without_copy(edited));
    reply.object("hookSpecificOutput", specific);
    reply
}

/// Long outputs are also kept in a file, which is shown in place of what is edited as long as the result names it.
fn without_copy(result: String) -> String {
    let Ok(document) = Document::parse(&result) else { return result };
    let copies = ["persistedOutputPath", "persistedOutputSize"];
    if !copies.iter().any(|name| document.root().get(name).is_some()) {
        return result;
    }
    let kept = document
        .root()
        .members()
        .filter(|(name, _)| !copies.iter().any(|copy| name.as_str().is_some_and(|name| name == *copy)));
    let members: Vec<String> = kept.map(|(name, value)| format!("{}:{}", name.raw(), value.raw())).collect();
    format!("{{{}}}", members.join(","))
}

/// What is shown of an answer: lines that are complete, so that nothing is cut within one.
fn display(turn: &mut Turn<'_, '_, '_>, reply: &mut Object) {
    let text = ["delta", "message_text", "content", "message", "text"].into_iter().find_map(|name| turn.root.get(name));
    let Some(text) = text.filter(|text| text.as_str().is_some()) else {
        *reply = turn.unknown();
        return;
    };
    let shown = match turn.check(Direction::ToUser, text) {
        Outcome::Clean => return,
        Outcome::Edited(shown) | Outcome::Withheld(_, shown) => shown,
    };
    let mut specific = Object::new();
    specific.text("hookEventName", "MessageDisplay").raw("displayContent", &shown);
    reply.object("hookSpecificOutput", specific);
}

pub(super) fn block(reply: &mut Object, reason: &str) {
    reply.text("decision", "block").text("reason", reason);
}

pub(super) fn stop(reply: &mut Object, reason: &str) {
    reply.flag("continue", false).text("stopReason", reason);
}

/// The text of a result: itself where it is a string, and as it is written otherwise.
pub(super) fn text_of(result: &str) -> String {
    let document = Document::parse(result);
    let text = document.as_ref().ok().and_then(|document| Value::as_str(document.root()));
    text.map_or_else(|| result.to_owned(), std::borrow::Cow::into_owned)
}

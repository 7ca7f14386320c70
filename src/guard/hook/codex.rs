//! Codex CLI. Written for 0.131 and later; its input names the turn and the model.
//!
//! What is fed back takes the place of a result, also of commands that fail; so the redacted result is fed back.

use super::claude::{block, text_of};
use super::{Object, Outcome, Turn};
use crate::guard::Direction;

pub(super) fn answer(turn: &mut Turn<'_, '_, '_>) -> Object {
    let (event, mut reply) = (turn.event(), Object::new());
    match event.as_str() {
        // What is changed is taken only together with this; approval is asked for as ever.
        "PreToolUse" => return turn.before_tool(Some("allow")),
        "PermissionRequest" => {
            if let Some(reason) = turn.reason_to_stop(Direction::ToTool, "tool_input") {
                let (mut decision, mut specific) = (Object::new(), Object::new());
                decision.text("behavior", "deny").text("message", &reason);
                specific.text("hookEventName", "PermissionRequest").object("decision", decision);
                reply.object("hookSpecificOutput", specific);
            }
        }
        "PostToolUse" => {
            let Some(response) = turn.root.get("tool_response") else { return turn.unknown() };
            match turn.check(Direction::ToModel, response) {
                Outcome::Clean => {}
                Outcome::Edited(edited) => {
                    let what = "[keyscan hid secrets in this result; the rest of it is as it was]";
                    block(&mut reply, &format!("{what}\n{}", text_of(&edited)));
                }
                Outcome::Withheld(reason, _) => block(&mut reply, &reason),
            }
        }
        "UserPromptSubmit" => {
            if let Some(what) = turn.reason_to_stop(Direction::ToModel, "prompt") {
                block(
                    &mut reply,
                    &format!("{what}: take it out of the prompt, or name the variable or file that has it."),
                );
            }
        }
        "Stop" | "SubagentStop" => {
            if let Some(what) = turn.reason_to_stop(Direction::ToUser, "last_assistant_message") {
                reply.text("systemMessage", &format!("keyscan: the last answer holds {what}. Do not pass it on."));
            }
        }
        "SessionStart" | "PreCompact" | "PostCompact" | "SubagentStart" => {}
        _ => return turn.unknown(),
    }
    reply
}

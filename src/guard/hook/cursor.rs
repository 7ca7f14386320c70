//! Cursor, the editor and the CLI. Written for versions 2.0 to 2026.09.
//!
//! Results of the shell cannot be replaced, only those of MCP servers; files that are read can be denied only. An
//! answer to an event that asks for permission has to be exactly one object of what that event knows.

use super::claude::text_of;
use super::{Arguments, Document, Object, Outcome, Turn, Value, json_string};
use crate::guard::Direction;

pub(super) fn answer(turn: &mut Turn<'_, '_, '_>) -> Object {
    let (event, mut reply) = (turn.event(), Object::new());
    match event.as_str() {
        "beforeSubmitPrompt" => {
            if let Some(what) = turn.reason_to_stop(Direction::ToModel, "prompt") {
                let why =
                    format!("keyscan: {what} in the prompt. Take it out, or name the variable or file that has it.");
                reply.flag("continue", false).text("user_message", &why);
            }
        }
        "preToolUse" => {
            let tool = turn.root.get_str("tool_name").unwrap_or_default().into_owned();
            let arguments = turn.root.get("tool_input");
            match turn.arguments(&tool, arguments) {
                Arguments::Kept => {}
                Arguments::Refused(reason) => deny(&mut reply, &reason),
                // Without a permission the user is asked as ever.
                Arguments::Changed(changed) => {
                    reply.raw("updated_input", &changed);
                }
            }
        }
        "beforeShellExecution" | "beforeMCPExecution" => {
            let name = if event == "beforeShellExecution" { "command" } else { "tool_input" };
            if let Some(reason) = turn.reason_to_stop(Direction::ToTool, name) {
                deny(&mut reply, &reason);
            }
        }
        "beforeReadFile" | "beforeTabFileRead" => {
            if let Some(what) = turn.reason_to_stop(Direction::ToModel, "content") {
                deny(
                    &mut reply,
                    &format!(
                        "The file holds {what}, and Cursor lets nobody hide them. Read it in the shell instead: \
                     `keyscan redact FILE` prints it without them."
                    ),
                );
            }
        }
        "postToolUse" | "afterMCPExecution" => return after_tool(turn, &event),
        "postToolUseFailure" => return warn(turn, "error_message"),
        "afterShellExecution" => return warn(turn, "output"),
        "afterAgentResponse" | "afterAgentThought" => return warn(turn, "text"),
        "subagentStart" | "subagentStop" | "afterFileEdit" | "afterTabFileEdit" | "sessionStart" | "sessionEnd"
        | "preCompact" | "stop" => {}
        _ => {
            let _ = turn.check(Direction::ToModel, turn.root);
        }
    }
    reply
}

fn deny(reply: &mut Object, reason: &str) {
    reply.text("permission", "deny").text("user_message", reason).text("agent_message", reason);
}

/// Nothing can be done but to say so.
fn warn(turn: &mut Turn<'_, '_, '_>, name: &str) -> Object {
    let mut reply = Object::new();
    if let Some(what) = turn.reason_to_stop(Direction::ToModel, name) {
        reply.text("additional_context", &advice(&what));
    }
    reply
}

fn advice(what: &str) -> String {
    format!(
        "keyscan: the result above holds {what}, which could not be hidden. Do not repeat them anywhere. The user should \
         revoke them, and run `keyscan guard cursor --install --wrap`."
    )
}

fn after_tool(turn: &mut Turn<'_, '_, '_>, event: &str) -> Object {
    let mut reply = Object::new();
    let name = if event == "postToolUse" { "tool_output" } else { "result_json" };
    let tool = turn.root.get_str("tool_name").unwrap_or_default().into_owned();
    let Some(output) = turn.root.get(name) else { return reply };
    let before = turn.findings.len();
    let edited = match turn.check(Direction::ToModel, output) {
        Outcome::Clean => return reply,
        Outcome::Edited(edited) | Outcome::Withheld(_, edited) => edited,
    };
    let is_mcp = event == "afterMCPExecution" || tool.starts_with("MCP:") || tool.starts_with("mcp");
    if is_mcp {
        // It comes as a document in a string, and goes back as the document, or as a text.
        let inner = text_of(&edited);
        let is_object = Document::parse(&inner).is_ok_and(|document| Value::members(document.root()).next().is_some());
        reply.raw("updated_mcp_tool_output", &if is_object { inner } else { json_string(&inner) });
    } else {
        reply.text("additional_context", &advice(&turn.named_since(before)));
    }
    reply
}

//! The agent of Visual Studio Code. Written for its hooks as of 1.110 (preview); the name of the event is in camel case.
//!
//! Results cannot be replaced: where one holds secrets, the agent stops before the model gets it. Commands of the shell
//! can be wrapped, so that theirs hold none.

use super::claude::stop;
use super::{Object, Turn};
use crate::guard::Direction;

pub(super) fn answer(turn: &mut Turn<'_, '_, '_>) -> Object {
    let (event, mut reply) = (turn.event(), Object::new());
    match event.as_str() {
        "PreToolUse" => return turn.before_tool(None),
        "PostToolUse" => {
            if let Some(what) = turn.reason_to_stop(Direction::ToModel, "tool_response") {
                stop(
                    &mut reply,
                    &format!(
                        "keyscan stopped here: the result of a tool holds secrets ({what}), and Visual Studio Code lets nobody \
                     replace that. `keyscan guard vscode --install --wrap` hides what commands print; `keyscan redact FILE` \
                     in the terminal shows a file without its secrets."
                    ),
                );
            }
        }
        "UserPromptSubmit" => {
            if let Some(what) = turn.reason_to_stop(Direction::ToModel, "prompt") {
                stop(
                    &mut reply,
                    &format!("{what}: take it out of the prompt, or name the variable or file that has it."),
                );
            }
        }
        "SessionStart" | "PreCompact" | "SubagentStart" | "SubagentStop" | "Stop" => {}
        _ => return turn.unknown(),
    }
    reply
}

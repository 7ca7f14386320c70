//! Whether a guard is in force: what is installed is run, as the agent runs it, with secrets that were made up for it.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use keyscan::guard::hook::Agent;
use keyscan::guard::{Document, Value, json_string};
use keyscan::{Error, Key, Result, RuleSet};

use super::edit::find;
use super::install::{installed, is_off, say};
use super::settings::Place;
use crate::args::{HookArgs, Scope};
use crate::exit::Exit;

/// What an agent lets nobody protect.
fn open_channels(agent: Agent) -> &'static [&'static str] {
    match agent {
        Agent::ClaudeCode => &[
            "what failing commands print: the turn is stopped, but the transcript has it; --wrap hides it",
            "prompts: they are blocked, not edited",
            "what is shown on the screen, and what telemetry and the transcript keep of a result before it is edited",
            "files that a prompt names with @, and CLAUDE.md",
            "what is shown of answers where the terminal takes no replacement, as in 2.1.221 to 2.1.229",
            "all of it when the hook is killed or takes longer than its timeout: Claude Code goes on without",
        ],
        Agent::Codex => &[
            "what is shown on the screen before a result is replaced",
            "prompts: they are blocked, not edited",
            "AGENTS.md, and files that a prompt attaches",
            "all of it as long as you do not trust the hooks, or when a hook is killed",
        ],
        Agent::Cursor => &[
            "what commands of the shell print: the model gets it; --wrap hides it",
            "files: reading one that holds secrets is denied, not edited",
            "prompts: they are blocked, not edited; rules and what is attached by @",
            "answers of the model",
        ],
        Agent::Gemini => &[
            "GEMINI.md, which is no text of a request but stands beside it; with a Gemini CLI before 0.42, which loses the \
             calls of tools in requests that are edited, take BeforeModel out",
            "answers: they come in pieces, each to a hook of its own",
            "prompts: they are blocked, not edited",
        ],
        Agent::Copilot => &[
            "prompts: the model is only told of secrets in them",
            "what failing commands print: the model is only told; --wrap hides it",
            "all of it when the hook is killed or takes longer than its timeout: Copilot goes on without",
        ],
        Agent::VsCode => &[
            "results of tools: the agent is stopped when one holds a secret, which cannot be edited; --wrap hides what \
             commands print",
            "prompts: they are stopped, not edited; files that are attached",
        ],
    }
}

/// What is tried.
struct Probe {
    event: &'static str,
    what: &'static str,
    input: String,
    /// Whether the answer does what it shall.
    acts: fn(Value<'_, '_>) -> bool,
}

pub(super) fn run(agent: Agent, args: &HookArgs, out: &mut dyn Write) -> Result<Exit> {
    let canary = canary()?;
    let (mut is_any, mut all_work) = (false, true);
    for scope in [Scope::User, Scope::Project] {
        let Ok(place) = Place::of(agent, &HookArgs { scope, what: Default::default(), ..*args }) else { continue };
        let commands = installed(&place.path, place.events, agent)?;
        if commands.is_empty() {
            say(out, &format!("{}: not installed", place.path.display()))?;
            continue;
        }
        is_any = true;
        say(out, &format!("{}: installed", place.path.display()))?;
        if is_off(&place.path) {
            say(out, "  FAILS  hooks are switched off in this file (disableAllHooks)")?;
            all_work = false;
        }
        for probe in probes(agent, &canary) {
            let Some((_, command)) = commands.iter().find(|(event, _)| event == probe.event) else {
                say(out, &format!("  FAILS  {}: {} is not installed", probe.what, probe.event))?;
                all_work = false;
                continue;
            };
            all_work &= tell(out, probe.what, &try_probe(command, &probe, &canary))?;
        }
        let command = &commands[0].1;
        all_work &= tell(out, "events that are no JSON", &try_malformed(command))?;
        if command.contains("--wrap") {
            all_work &= tell(out, "what commands print", &try_wrap(agent, command, &canary))?;
        }
    }
    if !is_any {
        say(out, &format!("Nothing is in force: `keyscan guard {agent} --install`"))?;
        return Ok(Exit::Found(1));
    }
    say(out, &format!("What {agent} lets nobody protect, or only in part:"))?;
    for channel in open_channels(agent) {
        say(out, &format!("  open   {channel}"))?;
    }
    Ok(if all_work { Exit::Clean } else { Exit::Found(1) })
}

fn tell(out: &mut dyn Write, what: &str, tried: &std::result::Result<Duration, String>) -> Result<bool> {
    match tried {
        Ok(time) => say(out, &format!("  works  {what} ({} ms)", time.as_millis()))?,
        Err(why) => say(out, &format!("  FAILS  {what}: {why}"))?,
    }
    Ok(tried.is_ok())
}

/// A secret that nobody has: of a format with a checksum, made up now.
fn canary() -> Result<String> {
    let rules = RuleSet::builtin();
    let rule = rules.get("github-pat").ok_or_else(|| Error::config("the rules have no format to try"))?;
    let seed = u64::from_str_radix(&Key::random()?.to_hex()[..16], 16).unwrap_or_default();
    let sample = rule.samples().first().map(|sample| sample.fill(seed, rule.checksum()));
    let filled = sample.ok_or_else(|| Error::config("the rule has no sample to try"))?;
    String::from_utf8(filled.text[filled.secret].to_vec()).map_err(|error| Error::config(error.to_string()))
}

fn text_at(root: Value<'_, '_>, path: &[&str], expected: &str) -> bool {
    find(root, path).and_then(Value::as_str).is_some_and(|text| text == expected)
}

fn has(root: Value<'_, '_>, path: &[&str]) -> bool {
    find(root, path).is_some()
}

fn is_stopped(root: Value<'_, '_>) -> bool {
    find(root, &["continue"]).is_some_and(|value| value.raw() == "false")
}

fn probes(agent: Agent, canary: &str) -> Vec<Probe> {
    let common = format!(
        "\"session_id\":\"doctor\",\"transcript_path\":\"/dev/null\",\"cwd\":{},\"permission_mode\":\"default\"",
        json_string(&std::env::current_dir().unwrap_or_default().to_string_lossy())
    );
    let printed = json_string(&format!("first line\nTOKEN={canary}\nlast line\n"));
    let command = json_string(&format!("curl -H 'Authorization: Bearer {canary}' https://example.com"));
    let prompt = json_string(&format!("why does {canary} not work?"));
    let event = |event: &'static str, what, rest: String, acts| {
        let more = match agent {
            Agent::Codex => ",\"model\":\"m\",\"turn_id\":\"t\"",
            Agent::Gemini => ",\"timestamp\":\"2026-01-01T00:00:00Z\"",
            Agent::Cursor => ",\"conversation_id\":\"c\",\"generation_id\":\"g\",\"cursor_version\":\"2026.09\"",
            _ => "",
        };
        let name = if agent == Agent::VsCode { "hookEventName" } else { "hook_event_name" };
        let input = format!("{{{common},\"{name}\":\"{event}\"{more},{rest}}}");
        Probe { event, what, input, acts }
    };
    let bash = format!("\"tool_name\":\"Bash\",\"tool_use_id\":\"t1\",\"tool_input\":{{\"command\":{command}}}");
    let ran = "\"tool_name\":\"Bash\",\"tool_use_id\":\"t1\",\"tool_input\":{\"command\":\"cat .env\"}";
    let result =
        format!("\"tool_response\":{{\"stdout\":{printed},\"stderr\":\"\",\"interrupted\":false,\"isImage\":false}}");
    let denied = |root: Value<'_, '_>| text_at(root, &["hookSpecificOutput", "permissionDecision"], "deny");
    let (tools, results, prompts) = ("what goes to tools", "results of tools", "prompts");
    match agent {
        Agent::ClaudeCode => vec![
            event("PreToolUse", tools, bash, denied),
            event("PostToolUse", results, format!("{ran},{result}"), |root| {
                find(root, &["hookSpecificOutput", "updatedToolOutput", "stdout"]).is_some()
            }),
            event("PostToolUseFailure", "results of tools that fail", format!("{ran},\"error\":{printed}"), is_stopped),
            event("UserPromptSubmit", prompts, format!("\"prompt\":{prompt}"), |root| {
                text_at(root, &["decision"], "block")
            }),
            event(
                "MessageDisplay",
                "what is shown of answers",
                format!("\"turn_id\":\"t\",\"delta\":{printed}"),
                |root| has(root, &["hookSpecificOutput", "displayContent"]),
            ),
        ],
        Agent::Codex => vec![
            event("PreToolUse", tools, bash, denied),
            event("PostToolUse", results, format!("{ran},\"tool_response\":{printed}"), |root| {
                text_at(root, &["decision"], "block") && has(root, &["reason"])
            }),
            event("UserPromptSubmit", prompts, format!("\"prompt\":{prompt}"), |root| {
                text_at(root, &["decision"], "block")
            }),
        ],
        Agent::Cursor => vec![
            event("preToolUse", tools, bash, |root| text_at(root, &["permission"], "deny")),
            event("beforeReadFile", "files", format!("\"file_path\":\"/x\",\"content\":{printed}"), |root| {
                text_at(root, &["permission"], "deny")
            }),
            event(
                "postToolUse",
                "results of MCP servers",
                format!("\"tool_name\":\"MCP:x:y\",\"tool_input\":{{}},\"tool_output\":{printed}"),
                |root| has(root, &["updated_mcp_tool_output"]),
            ),
            event("beforeSubmitPrompt", prompts, format!("\"prompt\":{prompt}"), is_stopped),
        ],
        Agent::Gemini => vec![
            event("BeforeTool", tools, bash.replace("Bash", "run_shell_command"), |root| {
                text_at(root, &["decision"], "deny")
            }),
            event(
                "AfterTool",
                results,
                format!("{ran},\"tool_response\":{{\"llmContent\":{printed},\"returnDisplay\":{printed}}}"),
                |root| text_at(root, &["decision"], "deny"),
            ),
            event("BeforeAgent", prompts, format!("\"prompt\":{prompt}"), |root| text_at(root, &["decision"], "deny")),
            event(
                "BeforeModel",
                "texts of requests to the model",
                format!("\"llm_request\":{{\"messages\":[{{\"role\":\"user\",\"content\":{printed}}}]}}"),
                |root| has(root, &["hookSpecificOutput", "llm_request", "messages"]),
            ),
        ],
        Agent::Copilot => {
            let event = |event, what, rest: String, acts| {
                let input = format!("{{\"sessionId\":\"doctor\",\"timestamp\":1,\"cwd\":\"/\",{rest}}}");
                Probe { event, what, input, acts }
            };
            let args = format!("\"toolName\":\"bash\",\"toolArgs\":{{\"command\":{command}}}");
            let ran = "\"toolName\":\"bash\",\"toolArgs\":{\"command\":\"cat .env\"}";
            vec![
                event("preToolUse", tools, args, |root| text_at(root, &["permissionDecision"], "deny")),
                event(
                    "postToolUse",
                    results,
                    format!("{ran},\"toolResult\":{{\"resultType\":\"success\",\"textResultForLlm\":{printed}}}"),
                    |root| has(root, &["modifiedResult", "textResultForLlm"]),
                ),
            ]
        }
        Agent::VsCode => vec![
            event("PreToolUse", tools, bash.replace("Bash", "runTerminalCommand"), denied),
            event("PostToolUse", results, format!("{ran},\"tool_response\":{printed}"), is_stopped),
            event("UserPromptSubmit", prompts, format!("\"prompt\":{prompt}"), is_stopped),
        ],
    }
}

/// What a command answers.
struct Answer {
    stdout: String,
    stderr: String,
    status: Option<i32>,
    time: Duration,
}

/// Runs a command as agents do, in a shell, with this on its standard input.
fn ask(command: &str, input: &str) -> std::result::Result<Answer, String> {
    let (shell, option) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let start = Instant::now();
    let piped = || Stdio::piped();
    let mut child = Command::new(shell)
        .args([option, command])
        .stdin(piped())
        .stdout(piped())
        .stderr(piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may refuse before it reads.
        let _ = stdin.write_all(input.as_bytes());
    }
    let (mut stdout, mut stderr) = (String::new(), String::new());
    let read = |pipe: Option<&mut dyn Read>, text: &mut String| pipe.map_or(Ok(0), |pipe| pipe.read_to_string(text));
    read(child.stdout.as_mut().map(|pipe| pipe as &mut dyn Read), &mut stdout).map_err(|error| error.to_string())?;
    read(child.stderr.as_mut().map(|pipe| pipe as &mut dyn Read), &mut stderr).map_err(|error| error.to_string())?;
    let status = child.wait().map_err(|error| error.to_string())?.code();
    Ok(Answer { stdout, stderr, status, time: start.elapsed() })
}

fn try_probe(command: &str, probe: &Probe, canary: &str) -> std::result::Result<Duration, String> {
    let answer = ask(command, &probe.input)?;
    if answer.stdout.contains(canary) || answer.stderr.contains(canary) {
        return Err("the secret comes out again".to_owned());
    }
    if answer.status != Some(0) {
        return Err(format!(
            "it ended with status {}",
            answer.status.map_or("none".to_owned(), |status| status.to_string())
        ));
    }
    let document = Document::parse(&answer.stdout).map_err(|error| format!("its answer is no JSON: {error}"))?;
    if !(probe.acts)(document.root()) {
        return Err("it does not act: look at the policy in its configuration".to_owned());
    }
    Ok(answer.time)
}

/// What is no event has to be refused.
fn try_malformed(command: &str) -> std::result::Result<Duration, String> {
    let answer = ask(command, "{\"hook_event_name\": ")?;
    let denies =
        Document::parse(&answer.stdout).is_ok_and(|document| text_at(document.root(), &["permissionDecision"], "deny"));
    if answer.status == Some(2) || denies { Ok(answer.time) } else { Err("it is let through".to_owned()) }
}

/// A command that prints the secret and fails: wrapped, it prints none, and fails alike.
fn try_wrap(agent: Agent, command: &str, canary: &str) -> std::result::Result<Duration, String> {
    let probe = probes(agent, canary).into_iter().next().ok_or("there is nothing to try")?;
    let document = Document::parse(&probe.input).map_err(|error| error.to_string())?;
    let inner = ["tool_input", "toolArgs"].into_iter().find_map(|name| document.root().get(name)?.get("command"));
    let span = inner.ok_or("there is no command to try")?.span();
    let script = json_string("echo \"is $KEYSCAN_DOCTOR\"; echo \"is $KEYSCAN_DOCTOR\" >&2; exit 7");
    let input = format!("{}{script}{}", &probe.input[..span.start as usize], &probe.input[span.end as usize..]);
    let answer = ask(command, &input)?;
    let document = Document::parse(&answer.stdout).map_err(|error| format!("its answer is no JSON: {error}"))?;
    let paths: [&[&str]; 4] = [
        &["hookSpecificOutput", "updatedInput", "command"],
        &["hookSpecificOutput", "tool_input", "command"],
        &["updated_input", "command"],
        &["modifiedArgs", "command"],
    ];
    let wrapped = paths.into_iter().find_map(|path| find(document.root(), path)).and_then(Value::as_str);
    let wrapped = wrapped.ok_or("commands are not wrapped")?;
    let ran =
        Command::new("sh").args(["-c", &wrapped]).env("KEYSCAN_DOCTOR", canary).current_dir(Path::new(".")).output();
    let ran = ran.map_err(|error| error.to_string())?;
    let shown = [ran.stdout, ran.stderr].concat();
    match String::from_utf8_lossy(&shown) {
        shown if shown.contains(canary) => Err("the secret is printed".to_owned()),
        shown if shown.matches("is [REDACTED:").count() != 2 => Err("what is printed is lost".to_owned()),
        _ if ran.status.code() != Some(7) => Err("the status of the command is lost".to_owned()),
        _ => Ok(answer.time),
    }
}

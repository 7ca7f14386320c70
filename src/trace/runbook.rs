//! What to do now: the emergency procedure for one secret that leaked, and the plan of a rotation without downtime, with
//! the commands for the places where this one is.

use std::fmt::Write;

use super::report::{left_alone, line_of};
use super::{Place, PlaceKind, Trace, Use};
use crate::rule::{Rule, RuleSet};

/// How a secret is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Procedure {
    /// At once: it leaked.
    Emergency,
    /// With both keys alive for a while: nothing breaks.
    Overlap,
}

impl Trace {
    /// The procedure in Markdown, for this secret: its provider's console, its places, its names, its commands. Without
    /// its value. `port` is where `keyscan serve` takes new secrets.
    #[must_use]
    pub fn procedure(&self, procedure: Procedure, rules: &RuleSet, port: u16) -> String {
        let rule = self.rules.first().and_then(|id| rules.get(id));
        let text = Text { trace: self, rule, port, out: String::new() };
        match procedure {
            Procedure::Emergency => text.emergency(),
            Procedure::Overlap => text.overlap(),
        }
    }
}

struct Text<'a> {
    trace: &'a Trace,
    rule: Option<&'a Rule>,
    port: u16,
    out: String,
}

impl Text<'_> {
    fn line(&mut self, line: impl AsRef<str>) {
        let _ = writeln!(self.out, "{}", line.as_ref());
    }

    fn task(&mut self, line: impl AsRef<str>) {
        let _ = writeln!(self.out, "- [ ] {}", line.as_ref());
    }

    fn commands(&mut self, commands: &[String]) {
        if !commands.is_empty() {
            self.line("\n```sh");
            commands.iter().for_each(|command| self.line(command));
            self.line("```\n");
        }
    }

    fn what(&self) -> String {
        let what = self.rule.map_or("a secret of no known form", |rule| rule.description());
        format!("{} ({what})", self.trace.masked)
    }

    fn provider(&self) -> &str {
        self.rule.map_or("its provider", |rule| rule.provider_name())
    }

    fn console(&self) -> String {
        match self.rule.and_then(|rule| rule.revoke()) {
            Some(url) => format!("<{url}>"),
            None => format!("the console of {}", self.provider()),
        }
    }

    /// The name by which it is called most.
    fn name(&self) -> String {
        let uses = |name: &&String| self.trace.references.iter().filter(|one| one.name == **name).count();
        let held = |name: &&String| self.trace.places.iter().filter(|place| place.variables.contains(name)).count();
        let name = self.trace.names.iter().max_by_key(|name| uses(name) + held(name));
        name.cloned().or_else(|| Some(self.rule?.env().next()?.to_owned())).unwrap_or_else(|| "NAME".to_owned())
    }

    fn has(&self, kind: PlaceKind) -> bool {
        self.trace.places.iter().any(|place| place.kind == kind)
    }

    fn uses(&self, how: Use) -> bool {
        self.trace.references.iter().any(|one| one.how == how)
    }

    fn emergency(mut self) -> String {
        let (what, name, console) = (self.what(), self.name(), self.console());
        self.line(format!("# Emergency: {what}\n"));
        self.line("The old key is believed to be in the hands of others. Every step is done when its box is.\n");
        self.line("## 1. Assess (minutes)\n");
        if let Some(impact) = self.rule.and_then(|rule| rule.impact()) {
            self.line(format!("Whoever has it: {impact}\n"));
        }
        self.assess();
        self.line("\n## 2. Make a new key\n");
        self.task(format!("At {console}. Do not revoke the old one yet, unless it is being used by others now."));
        self.task("Check what was copied, before it goes anywhere:");
        self.commands(&["keyscan lint-key --from file:new.key".to_owned()]);
        self.line("## 3. Store it\n");
        self.store(&name);
        self.line("## 4. Reload\n");
        self.reload(&name);
        self.line("\n## 5. Revoke the old key, and prove it dead\n");
        self.task(format!("Revoke it at {console}."));
        self.prove(&name);
        self.line("## 6. Afterwards\n");
        self.afterwards();
        self.out
    }

    fn overlap(mut self) -> String {
        let (what, name, console) = (self.what(), self.name(), self.console());
        self.line(format!("# Rotation of {what}, without downtime\n"));
        self.line(
            "Both keys are alive until the last reader has the new one. Until step 6 each step can be taken back.\n",
        );
        self.line("## 1. Create\n");
        self.task(format!("A second key at {console}. Check what was copied:"));
        self.commands(&["keyscan lint-key --from file:new.key".to_owned()]);
        self.line("## 2. Hide\n");
        self.task("Every redactor learns the new key before anyone uses it; `keyscan serve` does so by itself.");
        self.line("\n## 3. Store\n");
        self.store(&name);
        self.line("## 4. Wait\n");
        self.reload(&name);
        self.task("Wait as long as the slowest reader keeps a value: its time to live (300 s for a manager's agent), a minute or two for a mounted Secret.");
        self.line("\n## 5. Verify that the new one is in use\n");
        self.task("The provider's log shows requests with the new key, and none with the old one, for a day.");
        self.task("No place holds the old one any more:");
        self.commands(&[format!("keyscan trace --from file:old.key --name {name}")]);
        self.line("To roll back: store the old key again; it is still alive.\n");
        self.line("## 6. Revoke\n");
        self.task(format!("The old key at {console}, 24 to 48 hours later."));
        self.prove(&name);
        self.line("## 7. Next time\n");
        self.task("The ledger says when it is due; `keyscan rotate check` fails in CI when that day has passed.");
        self.out
    }

    fn assess(&mut self) {
        let first = self.trace.places.iter().filter_map(|place| place.history.as_ref()?.first.as_ref());
        if let Some(first) = first.min_by(|a, b| a.date.cmp(&b.date)) {
            let day = first.date.get(..10).unwrap_or(&first.date);
            let id = first.id.get(..12).unwrap_or(&first.id);
            self.line(format!("In the history since {day} (commit {id}): whoever cloned it since then has it.\n"));
        }
        let places: Vec<String> = self.trace.places.iter().map(line_of).collect();
        for place in &places {
            self.task(place);
        }
        for one in self.trace.references.clone() {
            self.task(format!("`{}:{}` asks for `{}`", one.path, one.line, one.name));
        }
        if places.is_empty() {
            self.task("No place is known: `keyscan trace --home PATH...` looks further.");
        }
        let provider = self.provider().to_owned();
        self.task(format!("Look through the log of {provider} for requests that are not yours since then."));
    }

    /// Where the new value goes: a command for each kind of place that there is.
    fn store(&mut self, name: &str) {
        let mut commands = Vec::new();
        if self.uses(Use::Manager) || !self.has(PlaceKind::Kubernetes) {
            commands.push("# AWS Secrets Manager, or Vault: what you have".to_owned());
            commands
                .push(format!("aws secretsmanager put-secret-value --secret-id {name} --secret-string file://new.key"));
            commands.push(format!("vault kv put -mount=secret {name} value=@new.key"));
        }
        let deployed = self.uses(Use::KubernetesVariable) || self.uses(Use::MountedFile);
        if self.has(PlaceKind::Kubernetes) || deployed {
            let entry = name.to_ascii_lowercase().replace('_', "-");
            commands.push(format!(
                "kubectl create secret generic {entry} --from-file=value=new.key --dry-run=client -o yaml | kubectl apply -f -"
            ));
        }
        if self.has(PlaceKind::Ci) || self.uses(Use::CiVariable) {
            commands.push(format!("gh secret set {name} < new.key"));
        }
        self.commands(&commands);
        let held: Vec<(PlaceKind, String)> =
            self.trace.places.iter().filter(is_file).map(|place| (place.kind, place.path.clone())).collect();
        for (kind, path) in held {
            let how = match kind {
                PlaceKind::Code | PlaceKind::Test | PlaceKind::Document => "take the value out",
                PlaceKind::ShellHistory | PlaceKind::Log | PlaceKind::Agent => "take the line out",
                _ => "put the new value in, or a reference to it",
            };
            self.task(format!("`{path}`: {how}"));
        }
        self.line("");
    }

    /// How those who read it get the new value.
    fn reload(&mut self, name: &str) {
        self.task(
            "Programs that read it through `keyscan::rotate`. `unchanged` with a `rotated_at` of just now: they had it already.",
        );
        // What a shell prints by itself is in no list of processes, as arguments are.
        self.commands(&[format!(
            "printf 'X-Admin-Token: %s' \"$(cat admin.token)\" | curl -s -X POST -H @- -H 'Content-Type: application/json' \
             -d '{{\"mode\":\"reload\",\"reason\":\"rotation\"}}' http://127.0.0.1:{}/v1/secrets/{name}/rotate",
            self.port
        )]);
        self.task("Those that have it from there, and from nowhere else:");
        self.commands(&[
            "(umask 077; printf 'X-Admin-Token: %s' \"$(cat admin.token)\" > admin.header)".to_owned(),
            format!(
                "printf '{{\"mode\":\"set\",\"value_b64\":\"%s\",\"reason\":\"rotation\"}}' \
                 \"$(tr -d '\\n' < new.key | base64 | tr -d '\\n')\" | curl -s -X POST -H @admin.header \
                 -H 'Content-Type: application/json' --data-binary @- http://127.0.0.1:{}/v1/secrets/{name}/rotate",
                self.port
            ),
            "rm admin.header".to_owned(),
        ]);
        if self.uses(Use::MountedFile) {
            self.task("Mounted Secrets change within a minute or two; a subPath never does.");
        }
        if self.uses(Use::KubernetesVariable) || self.has(PlaceKind::Kubernetes) {
            self.task("Pods that have it as a variable are restarted: `kubectl rollout restart deployment/...`");
        }
        if self.has(PlaceKind::Compose) {
            self.task("Containers are made anew: `docker compose up -d --force-recreate SERVICE`");
        }
        if self.uses(Use::Environment) || self.has(PlaceKind::EnvFile) || self.has(PlaceKind::Code) {
            self.task("Programs that read their environment at start are restarted.");
        }
    }

    fn prove(&mut self, name: &str) {
        let can_ask = self.rule.is_some_and(|rule| rule.verify().is_some());
        let by = if can_ask { "" } else { " --by \"revoked in the console\"" };
        self.commands(&[
            format!("keyscan rotate record --name {name} --from file:old.key --new file:new.key --reason \"...\""),
            format!("keyscan rotate prove --from file:old.key{by}"),
        ]);
    }

    fn afterwards(&mut self) {
        if self.trace.is_in_history() {
            self.task("The history keeps a dead key, which is harmless. To take it out, with all who have a clone:");
            self.commands(&[
                "keyscan trace --from file:old.key --replacements expressions.txt".to_owned(),
                "git filter-repo --replace-text expressions.txt --replace-message expressions.txt".to_owned(),
                "rm expressions.txt".to_owned(),
            ]);
            if let Some(left) = left_alone(self.trace) {
                self.task(left);
            }
        }
        self.task("So that it does not happen again: `keyscan hook install`, and `keyscan redact` in front of logs.");
        self.task("Write down what happened, when it was noticed, and who was told.");
        self.task("`rm old.key new.key`; `keyscan rotate check` from now on fails when the old key returns.");
    }
}

fn is_file(place: &&Place) -> bool {
    !place.path.starts_with('<') && !place.spots.is_empty() && place.kind != PlaceKind::Git
}

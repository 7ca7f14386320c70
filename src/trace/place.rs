//! What a place is: which list of an inventory it belongs to, and how whatever reads it would take a new secret.

use memchr::memmem;

/// What a file or a part of a repository is, as far as a rotation is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlaceKind {
    /// A program.
    Code,
    /// Settings that a program reads.
    Settings,
    /// A file of variables, `.env` and the like.
    EnvFile,
    /// Docker Compose, or a Dockerfile.
    Compose,
    /// Manifests of Kubernetes, values of Helm.
    Kubernetes,
    /// Infrastructure as code, and its state.
    Terraform,
    /// What a CI system runs.
    Ci,
    /// A profile of a shell.
    ShellProfile,
    /// What was typed into a shell.
    ShellHistory,
    /// What a coding agent keeps.
    Agent,
    /// Credentials that a command-line tool keeps.
    ToolCredentials,
    /// A log or a dump.
    Log,
    /// A document.
    Document,
    /// A test, or data for one.
    Test,
    /// A part of git itself: its configuration, a message, a name, a log of refs.
    Git,
    /// Anything else.
    Other,
}

impl PlaceKind {
    /// Every kind, in the order of an inventory.
    pub const ALL: [PlaceKind; 16] = [
        PlaceKind::Code,
        PlaceKind::Settings,
        PlaceKind::EnvFile,
        PlaceKind::Compose,
        PlaceKind::Kubernetes,
        PlaceKind::Terraform,
        PlaceKind::Ci,
        PlaceKind::ToolCredentials,
        PlaceKind::ShellProfile,
        PlaceKind::ShellHistory,
        PlaceKind::Agent,
        PlaceKind::Log,
        PlaceKind::Document,
        PlaceKind::Test,
        PlaceKind::Git,
        PlaceKind::Other,
    ];

    /// The name used in reports for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            PlaceKind::Code => "code",
            PlaceKind::Settings => "settings",
            PlaceKind::EnvFile => "env-file",
            PlaceKind::Compose => "compose",
            PlaceKind::Kubernetes => "kubernetes",
            PlaceKind::Terraform => "terraform",
            PlaceKind::Ci => "ci",
            PlaceKind::ToolCredentials => "tool-credentials",
            PlaceKind::ShellProfile => "shell-profile",
            PlaceKind::ShellHistory => "shell-history",
            PlaceKind::Agent => "agent",
            PlaceKind::Log => "log",
            PlaceKind::Document => "document",
            PlaceKind::Test => "test",
            PlaceKind::Git => "git",
            PlaceKind::Other => "other",
        }
    }

    /// The heading of its list.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            PlaceKind::Code => "Code",
            PlaceKind::Settings => "Settings",
            PlaceKind::EnvFile => "Files of variables",
            PlaceKind::Compose => "Docker and Compose",
            PlaceKind::Kubernetes => "Kubernetes and Helm",
            PlaceKind::Terraform => "Terraform",
            PlaceKind::Ci => "CI",
            PlaceKind::ToolCredentials => "Credentials of command-line tools",
            PlaceKind::ShellProfile => "Shell profiles",
            PlaceKind::ShellHistory => "Shell histories",
            PlaceKind::Agent => "Coding agents",
            PlaceKind::Log => "Logs and dumps",
            PlaceKind::Document => "Documents",
            PlaceKind::Test => "Tests",
            PlaceKind::Git => "Git itself",
            PlaceKind::Other => "Other files",
        }
    }

    /// How whatever reads such a place takes a new secret today, and what would be better.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            PlaceKind::Code => {
                "Hardcoded: a new secret needs a commit and a release. Read it from a mounted file or a secret manager \
                 that is asked again while the program runs."
            }
            PlaceKind::Settings => {
                "In a file that is delivered with the program, and read at start as a rule. Keep a reference there, and \
                 the value in a mounted file or a secret manager."
            }
            PlaceKind::EnvFile => {
                "Read into the environment at start: the program keeps the old value until it is started again. Mount it \
                 as a file that is watched, and keep the file out of the repository."
            }
            PlaceKind::Compose => {
                "Becomes a variable of a container, which only a new container gets. Use `secrets:`, which mounts a file \
                 under /run/secrets, and watch that file."
            }
            PlaceKind::Kubernetes => {
                "A Secret as a variable or a subPath is never updated in a running pod. Mount it as a volume and watch \
                 the folder, and let ExternalSecret or the like fill it, so that no manifest holds the value."
            }
            PlaceKind::Terraform => {
                "The state keeps it, too, in plain text. Let the provider make the secret and store it in a manager, and \
                 hand on the manager's name only."
            }
            PlaceKind::Ci => {
                "Each run takes the value as it is then. Put it into the masked variables of the CI system, or better \
                 take a short-lived credential by OIDC in its stead."
            }
            PlaceKind::ToolCredentials => {
                "Tools read it at each call. Log in anew with the tool, or use a credential helper that asks a manager."
            }
            PlaceKind::ShellProfile => {
                "Every shell that is open keeps the old value. Take it out, and ask a manager when it is needed."
            }
            PlaceKind::ShellHistory => {
                "Take the line out of the history; a secret is better read from a prompt or a file."
            }
            PlaceKind::Agent => {
                "The transcript may have been sent to a model. `keyscan audit agents --fix` takes it out of the files."
            }
            PlaceKind::Log => {
                "It may have been shipped elsewhere. Purge it there too, and put `keyscan redact` in front of the log."
            }
            PlaceKind::Document => "Write the name of the secret there, and where to get it, not the secret.",
            PlaceKind::Test => "Make the value at run time: what looks like a credential is taken for one.",
            PlaceKind::Git => {
                "Take it out of the configuration with a credential helper. A message or a name goes only with the history \
                 that is rewritten."
            }
            PlaceKind::Other => "Find out what reads it, and give it a file that is watched, or a manager.",
        }
    }
}

/// What the file at this path is, with some text of it around the secret.
#[must_use]
pub fn kind_of(path: &str, around: &[u8]) -> PlaceKind {
    if path.starts_with('<') {
        return if path.starts_with("<blob") { PlaceKind::Other } else { PlaceKind::Git };
    }
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let in_folder = |folders: &[&str]| lower.split('/').rev().skip(1).any(|part| folders.contains(&part));
    let has = |text: &str| memmem::find(around, text.as_bytes()).is_some();
    let is_yaml = matches!(extension, "yaml" | "yml");

    if in_folder(&[".git"]) || lower.starts_with(".git/") {
        return PlaceKind::Git;
    }
    if in_folder(&[".claude", ".codex", ".cursor", ".gemini", ".copilot", ".aider", ".opencode", ".continue", ".vibe"])
        || name.starts_with(".aider.")
    {
        return PlaceKind::Agent;
    }
    if name.ends_with("_history") || name.ends_with("-history") || name == "history.txt" {
        return PlaceKind::ShellHistory;
    }
    if matches!(
        name,
        ".bashrc" | ".bash_profile" | ".profile" | ".zshrc" | ".zshenv" | ".zprofile" | ".bash_login" | "config.fish"
    ) || name.ends_with("profile.ps1")
    {
        return PlaceKind::ShellProfile;
    }
    if matches!(
        name,
        ".netrc"
            | "_netrc"
            | ".npmrc"
            | ".pypirc"
            | ".git-credentials"
            | ".pgpass"
            | ".dockercfg"
            | ".my.cnf"
            | ".boto"
    ) || in_folder(&[".aws", ".docker", ".kube", ".azure", "gcloud", "gh", ".cargo", ".gem", ".m2"])
    {
        return PlaceKind::ToolCredentials;
    }
    if in_folder(&[".github", ".circleci", ".buildkite", ".gitea", ".woodpecker", ".azure-pipelines"])
        || matches!(name, ".gitlab-ci.yml" | "jenkinsfile" | ".travis.yml" | "bitbucket-pipelines.yml" | ".drone.yml")
        || matches!(name, "azure-pipelines.yml" | "appveyor.yml" | "cloudbuild.yaml" | "buildspec.yml" | ".cirrus.yml")
    {
        return PlaceKind::Ci;
    }
    if name == ".env" || name.starts_with(".env.") || extension == "env" || name == ".envrc" {
        return PlaceKind::EnvFile;
    }
    if name.contains("compose") && is_yaml || name.starts_with("dockerfile") || extension == "dockerfile" {
        return PlaceKind::Compose;
    }
    let is_manifest = has("apiVersion:") || has("kind: Secret") || has("stringData:") || has("secretKeyRef");
    let in_cluster = in_folder(&["k8s", "kubernetes", "helm", "charts", "manifests", "kustomize"]);
    if is_yaml && (is_manifest || in_cluster || name.starts_with("values")) {
        return PlaceKind::Kubernetes;
    }
    if matches!(extension, "tf" | "tfvars" | "tfstate" | "hcl") || name.ends_with(".tfstate.backup") {
        return PlaceKind::Terraform;
    }
    if matches!(extension, "log" | "out" | "dump" | "dmp" | "har" | "pcap" | "core") || in_folder(&["log", "logs"]) {
        return PlaceKind::Log;
    }
    if in_folder(&["test", "tests", "__tests__", "spec", "testdata", "fixtures"]) || name.contains("_test.") {
        return PlaceKind::Test;
    }
    if matches!(extension, "md" | "rst" | "txt" | "adoc" | "html" | "ipynb" | "pdf" | "docx") || in_folder(&["docs"]) {
        return PlaceKind::Document;
    }
    if is_yaml
        || matches!(extension, "json" | "toml" | "ini" | "cfg" | "conf" | "properties" | "xml" | "config" | "plist")
    {
        return PlaceKind::Settings;
    }
    let code = [
        "rs", "go", "py", "js", "ts", "jsx", "tsx", "mjs", "cjs", "java", "kt", "scala", "c", "h", "cc", "cpp", "hpp",
        "cs", "rb", "php", "swift", "m", "sh", "bash", "zsh", "fish", "ps1", "psm1", "pl", "lua", "r", "jl", "ex",
        "exs", "erl", "clj", "hs", "ml", "dart", "groovy", "gradle", "sql", "vue", "svelte", "bat", "cmd",
    ];
    if code.contains(&extension) || name == "makefile" { PlaceKind::Code } else { PlaceKind::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_by_their_paths() {
        for (path, kind) in [
            ("src/main.rs", PlaceKind::Code),
            ("config/settings.toml", PlaceKind::Settings),
            (".env.production", PlaceKind::EnvFile),
            ("deploy/docker-compose.prod.yml", PlaceKind::Compose),
            ("charts/app/values.yaml", PlaceKind::Kubernetes),
            ("infra/main.tf", PlaceKind::Terraform),
            (".github/workflows/ci.yml", PlaceKind::Ci),
            ("~/.bash_history", PlaceKind::ShellHistory),
            ("~/.zshrc", PlaceKind::ShellProfile),
            ("~/.claude/projects/x/y.jsonl", PlaceKind::Agent),
            ("~/.aws/credentials", PlaceKind::ToolCredentials),
            ("var/log/app.log", PlaceKind::Log),
            ("docs/setup.md", PlaceKind::Document),
            ("tests/data/a.json", PlaceKind::Test),
            (".git/config", PlaceKind::Git),
            ("<commit message>", PlaceKind::Git),
            ("<blob 0123456789ab>", PlaceKind::Other),
            ("bin/app", PlaceKind::Other),
        ] {
            assert_eq!(kind_of(path, b""), kind, "{path}");
        }
        assert_eq!(kind_of("secret.yaml", b"apiVersion: v1\nkind: Secret\n"), PlaceKind::Kubernetes);
    }

    #[test]
    fn every_kind_has_its_own_name() {
        let mut names: Vec<&str> = PlaceKind::ALL.iter().map(|kind| kind.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PlaceKind::ALL.len());
    }
}

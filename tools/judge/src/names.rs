//! Which names promise a secret, and the making of such names.

use crate::random::Random;
use crate::values::Class;

const PASSWORDS: &[&str] =
    &["password", "passwd", "passphrase", "pwd", "pass", "passwort", "pw", "psw", "passcode", "securestring", "by"];
const TOKENS: &[&str] = &[
    "secret", "secrets", "token", "tokens", "credential", "credentials", "apikey", "accesskey", "secretkey", "privatekey",
    "authkey", "appkey", "masterkey", "clientkey", "accountkey", "hmackey", "signingkey", "encryptionkey", "creds",
    "apitoken", "accesstoken", "authtoken", "appsecret", "clientsecret", "ticket",
];
/// What makes a key or an authorization one that is secret.
const KEYS: &[&str] = &[
    "api", "access", "secret", "private", "auth", "encryption", "encrypt", "signing", "sign", "client", "app", "application",
    "consumer", "master", "account", "storage", "license", "licence", "service", "session", "hmac", "jwt", "cookie", "shared",
    "user", "admin", "deploy", "crypto", "cipher", "aes", "webhook", "subscription", "rest", "server", "customer", "developer",
    "security", "write", "read", "integration", "management", "instrumentation", "oauth",
];
const LOOSE: &[&str] = &["key", "auth", "authorization", "oauth", "cred", "signature", "verifier"];
const PUBLIC: &[&str] = &[
    "public", "primary", "foreign", "cache", "sort", "partition", "csrf", "xsrf", "page", "next", "cancellation", "hash",
    "id", "name", "type", "index", "label", "title", "translation", "i18n", "locale", "search", "map", "store", "row", "object",
    "field", "header", "kind", "lang", "event", "menu", "tab", "query", "column",
];

/// The words of a name, in lower case.
pub fn words(name: &[u8]) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut before = b'_';
    for &byte in name {
        if !byte.is_ascii_alphabetic() || byte.is_ascii_uppercase() && before.is_ascii_lowercase() {
            words.push(String::new());
        }
        if byte.is_ascii_alphabetic() {
            words.last_mut().expect("there is one").push(char::from(byte.to_ascii_lowercase()));
        }
        before = byte;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What the name says of its value; `None` where it promises no secret.
pub fn class(name: &[u8]) -> Option<Class> {
    let words = words(name);
    let last = words.last()?.as_str();
    let before = words.len().checked_sub(2).map_or("", |at| &words[at]);
    if words.iter().any(|word| PUBLIC.contains(&word.as_str())) {
        return None;
    }
    let ends = |list: &[&str]| list.iter().any(|word| word.len() > 4 && last.ends_with(word));
    if PASSWORDS.contains(&last) || ends(PASSWORDS) {
        return Some(Class::Password);
    }
    if TOKENS.contains(&last) || ends(TOKENS) || (last == "key" || last == "keys") && KEYS.contains(&before) {
        return Some(Class::Token);
    }
    // `password_confirmation`, `secret_value`, `SECRET_KEY_BASE`.
    let tells = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let neutral = ["confirmation", "confirm", "again", "repeat", "new", "old", "value", "plain", "text", "data", "string", "test", "base", "v",
        "raw", "bytes"];
    if neutral.contains(&last) && tells(PASSWORDS) {
        return Some(Class::Password);
    }
    if neutral.contains(&last) && tells(TOKENS) {
        return Some(Class::Token);
    }
    let is_tail = neutral.contains(&last) && before == "key";
    if is_tail && words.len() >= 3 && KEYS.contains(&words[words.len() - 3].as_str()) {
        return Some(Class::Token);
    }
    (LOOSE.contains(&last) || before == "oauth" || is_tail).then_some(Class::Key)
}

/// Whether no word of a name speaks of a secret but one that speaks of many things, so that it promises none.
pub fn promises_nothing(name: &[u8]) -> bool {
    let tells = ["pass", "pwd", "psw", "secret", "token", "cred", "oauth", "apikey", "phrase", "pw"];
    let words = words(name);
    class(name).is_none()
        && !words.iter().any(|word| tells.iter().any(|tell| word.starts_with(tell)))
        && !words.windows(2).any(|pair| pair[1].starts_with("key") && KEYS.contains(&pair[0].as_str()))
}

const FIRST: &[&str] = &[
    "db", "database", "user", "admin", "root", "app", "my", "test", "mysql", "postgres", "redis", "mongo", "smtp", "mail",
    "ftp", "ssh", "ldap", "api", "client", "service", "server", "default", "new", "old", "aws", "github", "slack", "stripe",
    "twilio", "mailgun", "rabbitmq", "kafka", "elastic", "jenkins", "docker", "registry", "proxy", "login", "account",
    "master", "backup", "prod", "dev", "staging", "internal", "external", "web", "site", "shop", "payment", "discord",
    "telegram", "bot", "oauth", "auth", "keystore", "truststore", "ssl", "cert", "vault", "storage",
];

/// A name that promises a secret of this class.
pub fn make(random: &mut Random, class: Class) -> String {
    let mut words: Vec<String> = Vec::new();
    for _ in 0..random.below(3) {
        words.push(random.pick(FIRST).to_owned());
    }
    match class {
        Class::Password => words.push(random.pick(&["password", "password", "passwd", "pwd", "pass", "passphrase", "pw"]).to_owned()),
        Class::Token if random.chance(40) => {
            words.push(random.pick(KEYS).to_owned());
            words.push("key".to_owned());
        }
        Class::Token => words.push(random.pick(&["secret", "token", "token", "credentials", "apikey", "secret"]).to_owned()),
        Class::Key => words.push(random.pick(&["key", "auth"]).to_owned()),
    }
    if class != Class::Key && random.chance(6) {
        let tails: &[&str] = if class == Class::Password { &["confirmation", "confirm", "value", "plain"] } else { &["value", "base", "string"] };
        words.push(random.pick(tails).to_owned());
    }
    if words == ["pw"] {
        words.insert(0, "db".to_owned());
    }
    match random.below(6) {
        0 | 1 => words.join("_"),
        2 => words.join("_").to_uppercase(),
        3 => words.join("-"),
        4 => words.join("."),
        _ => {
            let mut name = words[0].clone();
            for word in &words[1..] {
                name.push_str(&word[..1].to_uppercase());
                name.push_str(&word[1..]);
            }
            name
        }
    }
}

/// How values are assigned: `N` is the name and `V` the value.
pub const SYNTAXES: &[&str] = &[
    "N=V\n",
    "N=V\n",
    "export N=V\n",
    "N = V\n",
    "N: V\n",
    "  N: V\n",
    "    N: \"V\"\n",
    "  N: 'V'\n",
    "- N=V\n",
    "      - N=V\n",
    "#N=V\n",
    "# N: V\n",
    "N = \"V\"\n",
    "N = 'V'\n",
    "N='V'\n",
    "N=\"V\"\n",
    "const N = 'V';\n",
    "var N = \"V\";\n",
    "let N: string = \"V\";\n",
    "private static final String N = \"V\";\n",
    "  \"N\": \"V\",\n",
    "{\"user\": \"u\", \"N\": \"V\"}\n",
    "{\\\"user\\\": \\\"u\\\", \\\"N\\\": \\\"V\\\"}\n",
    "'N' => 'V',\n",
    ":N => 'V',\n",
    "  N: 'V',\n",
    "$N = 'V';\n",
    "N := \"V\"\n",
    "N ?= V\n",
    "<N>V</N>\n",
    "<add key=\"N\" value=\"V\" />\n",
    "<property name=\"N\" value=\"V\"/>\n",
    "  - name: N\n    value: \"V\"\n",
    "  - name: N\n    value: V\n",
    "ENV N=V\n",
    "ENV N V\n",
    "  -e N=V \\\n",
    "tool --N=V --verbose\n",
    "tool --N V --verbose\n",
    "tool --N 'V'\n",
    "if N == \"V\":\n",
    "config.N = 'V'\n",
    "setN(\"V\");\n",
    "set(\"N\", \"V\")\n",
    "f(user='u', N='V')\n",
    "connect(host=\"h\", N=\"V\")\n",
    "Server=h;User=u;N=V;\n",
    "https://example.com/x?user=u&N=V\n",
    "N \"V\"\n",
    "N: &str = \"V\";\n",
    "char N[] = \"V\";\n",
    "#define N \"V\"\n",
    "@N = \"V\"\n",
    "N=[\"V\"]\n",
    "N: [\"V\", \"x\"],\n",
    "  \"N\":[\"V\",\"x\"],\n",
    "\"id\":1,\"N\":\"V\",\"x\":2}\n",
    "N: Some(\"V\".to_string()),\n",
    "N = b\"V\"\n",
    "N = []byte(\"V\")\n",
    "log: N: V\n",
    "N is \"V\"\n",
];

//! Values by the way they are written: hashes, numbers, colours, keys to press, files, dates, references.

use super::weak;

/// Whether it is a hash of a password with its scheme before it, or the start of one: `$6$salt$hash`, `sha1$salt$hash`.
pub(super) fn is_hash(value: &[u8]) -> bool {
    let scheme = |rest: &[u8]| rest.iter().take(12).position(|byte| *byte == b'$');
    value.strip_prefix(b"$").and_then(scheme).is_some_and(|len| {
        len > 0 && value[1..=len].iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
    }) || scheme(value).is_some_and(|len| weak::is_algorithm(&value[..len]) && value[len + 1..].contains(&b'$'))
        || value.starts_with(b"$") && value.iter().filter(|byte| **byte == b'$').count() >= 3
}

/// Whether it is a number as code writes it, or a colour: `0x1f`, `-0x7fdf969b`, `1_000`, `65536`, `color:#a0b1c2`.
pub(super) fn is_number(value: &[u8]) -> bool {
    is_colour(value) || is_bound(value) || is_decimal(value) || {
        let value = value.strip_prefix(b"-").unwrap_or(value);
        let hex = value.strip_prefix(b"0x").or_else(|| value.strip_prefix(b"0X"));
        let digits = |hex: &[u8]| hex.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let is_type = |tail: &[u8]| tail.len() <= 3 && tail.iter().all(|byte| b"uUlLnN".contains(byte));
        hex.is_some_and(|hex| (1..=16).contains(&digits(hex)) && is_type(&hex[digits(hex)..]))
            || value.contains(&b'_') && value.iter().all(|byte| byte.is_ascii_digit() || *byte == b'_')
    }
}

/// Whether it is a colour, alone or of a style.
fn is_colour(value: &[u8]) -> bool {
    let Some(sign) = value.iter().position(|byte| *byte == b'#') else { return false };
    let (style, digits) = (&value[..sign], value[sign + 1..].strip_suffix(b";").unwrap_or(&value[sign + 1..]));
    let property = style.trim_ascii_end().strip_suffix(b":");
    let is_style = property.is_some_and(|name| name.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'-'));
    (style.is_empty() || is_style) && matches!(digits.len(), 3 | 4 | 6 | 8) && digits.iter().all(u8::is_ascii_hexdigit)
}

/// Whether it is a number with a point, with or without its exponent or unit, or a version: `1.25e-06`, `0.2rem`, `^7.0.4`.
fn is_decimal(value: &[u8]) -> bool {
    let number = value.strip_prefix(b"-").unwrap_or(value);
    let number = &number[number.iter().take_while(|byte| b"^~<>=".contains(byte)).count().min(2)..];
    let digits = number.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let tail = &number[digits..];
    let tail = match tail {
        [b'e' | b'E', b'+' | b'-', power @ ..] | [b'e' | b'E', power @ ..] if power.len() <= 3 => power,
        _ => tail,
    };
    let is_unit = |tail: &[u8]| tail.len() <= 3 && tail.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'%');
    number.first().is_some_and(u8::is_ascii_digit)
        && number[..digits].contains(&b'.')
        && (is_unit(tail) || tail.iter().all(u8::is_ascii_digit))
}

/// Whether it is a power of two, or the number before one: a size or a bound, which nobody draws.
fn is_bound(value: &[u8]) -> bool {
    let number = std::str::from_utf8(value).ok().filter(|text| (4..=20).contains(&text.len()));
    let number: Option<u128> = number.filter(|_| value[0] != b'+').and_then(|text| text.parse().ok());
    number.is_some_and(|number| number >= 1024 && (number.is_power_of_two() || (number + 1).is_power_of_two()))
}

/// The words on keys of keyboards, in lower case.
const KEYBOARD: &[&[u8]] = &[
    b"alt",
    b"arrow",
    b"backspace",
    b"cmd",
    b"command",
    b"control",
    b"ctrl",
    b"del",
    b"delete",
    b"down",
    b"end",
    b"enter",
    b"esc",
    b"escape",
    b"home",
    b"insert",
    b"left",
    b"meta",
    b"mod",
    b"option",
    b"pagedown",
    b"pageup",
    b"return",
    b"right",
    b"shift",
    b"space",
    b"super",
    b"tab",
    b"up",
    b"win",
];

/// The length of the longest of them.
const MAX_KEYBOARD: usize = {
    let (mut most, mut at) = (0, 0);
    while at < KEYBOARD.len() {
        most = if KEYBOARD[at].len() > most { KEYBOARD[at].len() } else { most };
        at += 1;
    }
    most
};

/// Whether it says which keys to press: `Ctrl+K`, `Alt-L|Shift-F10`.
pub(super) fn is_key_binding(value: &[u8]) -> bool {
    let is_word =
        |part: &[u8]| part.len() <= MAX_KEYBOARD && KEYBOARD.iter().any(|word| part.eq_ignore_ascii_case(word));
    let is_function = |part: &[u8]| {
        part.len() <= 3
            && part.split_first().is_some_and(|(f, number)| {
                matches!(f, b'f' | b'F') && !number.is_empty() && number.iter().all(u8::is_ascii_digit)
            })
    };
    let mut parts = value.split(|byte| !byte.is_ascii_alphanumeric());
    parts.clone().any(is_word) && parts.all(|part| part.len() <= 1 || is_word(part) || is_function(part))
}

/// Whether it is a few signs that are written as escapes, and nothing else: `&#xf023;`, `\u003c\u003e`.
pub(super) fn is_escapes(value: &[u8]) -> bool {
    let (mut rest, mut count) = (value, 0);
    while !rest.is_empty() {
        let hex = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let slashes = rest.iter().take_while(|byte| **byte == b'\\').count();
        let len = match rest.get(slashes) {
            Some(b'u' | b'x') if slashes > 0 => slashes + 1 + hex(&rest[slashes + 1..]).min(4),
            Some(b'&') if slashes == 0 => rest.iter().take(10).position(|byte| *byte == b';').map_or(0, |at| at + 1),
            _ => 0,
        };
        if len < 3 {
            return false;
        }
        rest = &rest[len..];
        count += 1;
    }
    (1..MAX_ESCAPES).contains(&count)
}

/// What is written in more escapes may be a text of bytes.
const MAX_ESCAPES: usize = 8;

/// Extensions of files, in lower case.
const EXTENSIONS: &[&[u8]] = &[
    b"cer",
    b"cfg",
    b"conf",
    b"crt",
    b"cs",
    b"css",
    b"csv",
    b"der",
    b"enc",
    b"go",
    b"gz",
    b"html",
    b"ini",
    b"java",
    b"jks",
    b"jpg",
    b"js",
    b"json",
    b"jsx",
    b"key",
    b"kt",
    b"lock",
    b"log",
    b"md",
    b"p12",
    b"pdf",
    b"pem",
    b"pfx",
    b"php",
    b"png",
    b"properties",
    b"py",
    b"rb",
    b"rs",
    b"sh",
    b"sql",
    b"svg",
    b"tar",
    b"tf",
    b"tgz",
    b"toml",
    b"ts",
    b"tsx",
    b"txt",
    b"xml",
    b"yaml",
    b"yml",
    b"zip",
];

/// Whether it is the name or the path of a file.
pub(super) fn is_file(value: &[u8]) -> bool {
    let Some(dot) = value.iter().rposition(|byte| *byte == b'.') else { return false };
    let (name, extension) = (&value[..dot], &value[dot + 1..]);
    !name.is_empty()
        && EXTENSIONS.contains(&extension)
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-./ ".contains(byte))
}

/// Whether it names a thing by a form that only names have: a package (`@scope/name`), an option (`--name=`), an
/// element (`&items[i]`), an object of Java (`java.lang.Object@1b2c3d`), a region (`eu-west-1`), a port, a version or a
/// digest (`tcp:1234`), or begins a document.
pub(super) fn is_reference(value: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(byte);
    let is_package = |name: &[u8]| {
        let mut parts = name.split(|byte| *byte == b'/');
        parts.clone().count() == 2 && parts.all(|part| !part.is_empty() && part.iter().all(is_name))
    };
    let is_option = |name: &[u8]| {
        let len = name.iter().take_while(|byte| byte.is_ascii_lowercase() || **byte == b'-').count();
        len >= 3 && name.get(len) == Some(&b'=')
    };
    value.strip_prefix(b"@").is_some_and(is_package)
        || is_address(value)
        || value.strip_prefix(b"--").is_some_and(is_option)
        || is_element(value)
        || is_object(value)
        || is_region(value)
        || value.starts_with(b"{\"")
}

/// What stands before ports, versions and digests.
const SCHEMES: &[&[u8]] = &[
    b"fd",
    b"file",
    b"git",
    b"http",
    b"https",
    b"link",
    b"npm",
    b"port",
    b"sha1",
    b"sha224",
    b"sha256",
    b"sha384",
    b"sha512",
    b"ssl",
    b"tcp",
    b"tls",
    b"udp",
    b"unix",
    b"workspace",
];

/// Whether it is a port, a version or a digest that says so: `tcp:1234`, `npm:^7.0.4`, `sha512-7rKU...`.
fn is_address(value: &[u8]) -> bool {
    let len = value.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let may_go_on = match value.get(len) {
        Some(b':') => true,
        Some(b'-') => value.starts_with(b"sha") && value.len() >= len + 28,
        _ => false,
    };
    may_go_on && SCHEMES.contains(&&value[..len])
}

fn is_element(value: &[u8]) -> bool {
    let Some(open) = value.iter().position(|byte| *byte == b'[') else { return false };
    let name = value[..open].strip_prefix(b"&").unwrap_or(&value[..open]);
    let is_word = |text: &[u8]| text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    name.first().is_some_and(u8::is_ascii_alphabetic)
        && is_word(name)
        && value[open + 1..].strip_suffix(b"]").is_some_and(is_word)
}

/// Whether it is what Java prints of an object: the name of its class with its package, and a number.
fn is_object(value: &[u8]) -> bool {
    let Some(at) = value.iter().rposition(|byte| *byte == b'@') else { return false };
    let (class, number) = (&value[..at], &value[at + 1..]);
    let mut names = class.split(|byte| *byte == b'.');
    let is_class = names.next_back().is_some_and(|name| name.first().is_some_and(u8::is_ascii_uppercase));
    let is_word = |text: &[u8]| text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_$".contains(byte));
    is_class
        && class.contains(&b'.')
        && class.split(|byte| *byte == b'.').all(|name| !name.is_empty() && is_word(name))
        && names.all(|package| package[0].is_ascii_lowercase())
        && (1..=8).contains(&number.len())
        && number.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Directions in the names of regions.
const DIRECTIONS: &[&[u8]] = &[b"central", b"east", b"north", b"south", b"west"];

fn is_region(value: &[u8]) -> bool {
    let mut parts = value.split(|byte| *byte == b'-');
    let is_short = |part: &[u8]| part.len() <= 12 && part.iter().all(u8::is_ascii_lowercase);
    let number = parts.next_back().is_some_and(|last| last.len() == 1 && last[0].is_ascii_digit());
    number
        && parts.clone().all(is_short)
        && parts.any(|part| DIRECTIONS.iter().any(|direction| part.starts_with(direction)))
}

/// Whether it says how a date is written: `yyyy-MM-dd'T'HH:mm`.
pub(super) fn is_date_form(value: &[u8]) -> bool {
    let is_part = |byte: &u8| b"yYMdDhHmsSfTzZ".contains(byte) || !byte.is_ascii_alphanumeric();
    value.windows(2).any(|pair| pair == b"yy")
        && value.windows(2).any(|pair| matches!(pair, b"MM" | b"dd"))
        && value.iter().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_colours() {
        for text in [
            "0x1f",
            "-0x7fdf969b",
            "0x9f1343901e600bf7L",
            "1_000",
            "65536",
            "18446744073709551615",
            "#a0b1c2",
            "color:#56DB3A",
            "0.00006",
            "1.25e-06",
            "0.2rem",
            "2.0.0.20261006",
            "^7.0.4",
        ] {
            assert!(is_number(text.as_bytes()), "{text}");
        }
        for text in ["8412907", "8412.q7Zt", ".5q7", "0x", "0xq7", "q7#a0b1c2", "2047x", "#quartz"] {
            assert!(!is_number(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn keys_to_press_and_signs() {
        for text in ["Ctrl+K", "Alt-L|Shift-F10", "mod-Enter"] {
            assert!(is_key_binding(text.as_bytes()), "{text}");
        }
        for text in ["Ctrl-quartz7", "q+7", "F10"] {
            assert!(!is_key_binding(text.as_bytes()), "{text}");
        }
        assert!(is_escapes(b"&#xf023;") && is_escapes(b"\\u003c\\u003e\\u0026"));
        assert!(!is_escapes(b"") && !is_escapes(b"q&#xf023;") && !is_escapes(b"\\x1f\\x02".repeat(4).as_slice()));
    }

    #[test]
    fn what_refers_to_something() {
        for text in [
            "@velvet/quartz-dom",
            "--allow-net=q7",
            "&os[i]",
            "items[0]",
            "eu-west-1",
            "us-gov-east-1",
            "tcp:1234",
            "npm:^7.0.4",
            "quartz.os.VelvetProxy@2bd79ce",
            "quartz.Outer$Velvet@0",
        ] {
            assert!(is_reference(text.as_bytes()), "{text}");
        }
        for text in ["@velvet", "--q7=zt", "q[zt", "quartz-1", "west-side-story", "8[q]", "sha1-q7", "quartz:1234"] {
            assert!(!is_reference(text.as_bytes()), "{text}");
        }
        for text in ["Velvet@2bd79ce", "quartz..Velvet@1", "quartz.velvet@2bd79ce", "quartz.Velvet@2bd79cef0", "q.V@x"]
        {
            assert!(!is_reference(text.as_bytes()), "{text}");
        }
        for text in ["q7Zt_dev.yml.enc", "config/master.key", "a.PNG.png"] {
            assert!(is_file(text.as_bytes()), "{text}");
        }
        assert!(!is_file(b".key") && !is_file(b"q7$t.yml") && !is_file(b"zt.q7"));
        assert!(is_date_form(b"yyyyMMddhhmmss") && is_date_form(b"yyyy-MM-dd'T'HH:mm") && !is_date_form(b"yyMMq7"));
    }

    #[test]
    fn hashes() {
        assert!(is_hash(b"$6$zt0v$q7Zt0vKx") && is_hash(b"sha1$zt0v$9f86d081") && is_hash(b"$PBKDF2$zt$q7"));
        assert!(!is_hash(b"$3cr3t") && !is_hash(b"quartz$zt0v$9f86d081") && !is_hash(b"sha1$zt0v"));
    }
}

//! Words of which weak passwords, stand-ins and the names of algorithms are made.

/// Words by the two bytes with which they may begin, as they are spelt in passwords: most texts begin with none.
pub(super) struct Lexicon {
    words: &'static [&'static [u8]],
    starts: [u128; 128],
    /// Those of which it may be the second byte, or that have none.
    seconds: [u128; 128],
}

impl Lexicon {
    /// The words are given in lower case.
    const fn new(words: &'static [&'static [u8]]) -> Lexicon {
        assert!(words.len() <= 128, "a word is a bit");
        let (mut starts, mut seconds, mut byte) = ([0; 128], [0; 128], 0);
        while byte < 128 {
            let mut word = 0;
            while word < words.len() {
                if stands_for(byte as u8, words[word][0]) {
                    starts[byte] |= 1 << word;
                }
                if words[word].len() == 1 || stands_for(byte as u8, words[word][1]) {
                    seconds[byte] |= 1 << word;
                }
                word += 1;
            }
            byte += 1;
        }
        Lexicon { words, starts, seconds }
    }

    /// The words with which a text begins.
    pub(super) fn at_start<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = &'static [u8]> + 't {
        let of = |table: &[u128; 128], at: usize| text.get(at).and_then(|byte| table.get(usize::from(*byte))).copied();
        let mut bits = of(&self.starts, 0).unwrap_or(0) & of(&self.seconds, 1).unwrap_or(u128::MAX);
        let words = std::iter::from_fn(move || {
            let word = bits.trailing_zeros();
            bits &= bits.wrapping_sub(1);
            self.words.get(word as usize).copied()
        });
        words.filter(|word| {
            text.len() >= word.len() && text.iter().zip(*word).all(|(byte, letter)| stands_for(*byte, *letter))
        })
    }
}

/// Whether a byte is a letter of a word, in any case, or a sign that people take for it.
const fn stands_for(byte: u8, letter: u8) -> bool {
    byte.eq_ignore_ascii_case(&letter)
        || match letter {
            b'a' => matches!(byte, b'4' | b'@'),
            b'e' => byte == b'3',
            b'i' | b'l' => matches!(byte, b'1' | b'!'),
            b'o' => byte == b'0',
            b's' => matches!(byte, b'5' | b'$'),
            b't' => byte == b'7',
            _ => false,
        }
}

/// Words of passwords in documentation and tests, in lower case and without digits.
pub(super) static WORDS: Lexicon = Lexicon::new(&[
    b"abc",
    b"access",
    b"adm",
    b"admin",
    b"alice",
    b"api",
    b"app",
    b"auth",
    b"bar",
    b"baz",
    b"blah",
    b"bob",
    b"changed",
    b"changeit",
    b"changeme",
    b"client",
    b"code",
    b"com",
    b"correct",
    b"cred",
    b"credential",
    b"credentials",
    b"database",
    b"db",
    b"default",
    b"demo",
    b"dev",
    b"foo",
    b"good",
    b"guest",
    b"hello",
    b"hunter",
    b"key",
    b"letmein",
    b"local",
    b"login",
    b"long",
    b"master",
    b"mongo",
    b"my",
    b"mysql",
    b"open",
    b"oracle",
    b"pass",
    b"passw",
    b"passwd",
    b"password",
    b"passwort",
    b"phrase",
    b"postgres",
    b"private",
    b"public",
    b"pw",
    b"pwd",
    b"qux",
    b"rabbitmq",
    b"random",
    b"redis",
    b"root",
    b"sa",
    b"safe",
    b"secret",
    b"secrets",
    b"secure",
    b"server",
    b"sesame",
    b"session",
    b"shared",
    b"spam",
    b"static",
    b"strong",
    b"super",
    b"system",
    b"temp",
    b"test",
    b"testing",
    b"this",
    b"token",
    b"top",
    b"user",
    b"very",
    b"weak",
    b"welcome",
    b"word",
    b"world",
]);

/// Words of what stands where a value will be, or says what is to stand there.
pub(super) static STAND_INS: Lexicon = Lexicon::new(&[
    b"bogus",
    b"dummy",
    b"empty",
    b"enter",
    b"example",
    b"fake",
    b"for",
    b"here",
    b"id",
    b"incorrect",
    b"invalid",
    b"is",
    b"missing",
    b"mock",
    b"name",
    b"new",
    b"no",
    b"none",
    b"not",
    b"null",
    b"old",
    b"other",
    b"real",
    b"refresh",
    b"sample",
    b"simple",
    b"some",
    b"string",
    b"the",
    b"unit",
    b"username",
    b"valid",
    b"value",
    b"wrong",
    b"your",
]);

/// Words of which the names of algorithms, encodings, curves and types are made, with numbers and joints between them.
pub(super) static ALGORITHMS: Lexicon = Lexicon::new(&[
    b"aes",
    b"and",
    b"argon",
    b"array",
    b"argon2d",
    b"argon2i",
    b"argon2id",
    b"ascii",
    b"base",
    b"base64url",
    b"bcrypt",
    b"blake",
    b"blake2b",
    b"blake2s",
    b"blowfish",
    b"bytes",
    b"camellia",
    b"cast",
    b"cbc",
    b"ccm",
    b"cfb",
    b"chacha",
    b"cmac",
    b"crc",
    b"crypt",
    b"ctr",
    b"curve25519",
    b"des",
    b"dh",
    b"digest",
    b"dsa",
    b"ecb",
    b"ecc",
    b"ecdh",
    b"ecdhe",
    b"ecdsa",
    b"ed25519",
    b"eddsa",
    b"es",
    b"float",
    b"gcm",
    b"ghash",
    b"hex",
    b"hkdf",
    b"hmac",
    b"hs",
    b"int",
    b"jwe",
    b"jwk",
    b"jws",
    b"jwt",
    b"kw",
    b"latin",
    b"md",
    b"mgf",
    b"nist",
    b"nopadding",
    b"ntlm",
    b"null",
    b"oaep",
    b"ocb",
    b"ofb",
    b"or",
    b"padding",
    b"pbe",
    b"pbes",
    b"pbkdf",
    b"pem",
    b"pkcs",
    b"poly",
    b"ps",
    b"pss",
    b"rc",
    b"ripemd",
    b"rs",
    b"rsa",
    b"rsaes",
    b"rsassa",
    b"scram",
    b"scrypt",
    b"secp256k",
    b"secp256r",
    b"secp384r",
    b"secp521r",
    b"sect",
    b"serpent",
    b"sha",
    b"sha512/256",
    b"shake",
    b"sm",
    b"ssha",
    b"ssl",
    b"tls",
    b"tripledes",
    b"twofish",
    b"ucs",
    b"uint",
    b"utf",
    b"v",
    b"whirlpool",
    b"with",
    b"x25519",
    b"xchacha",
    b"xsalsa",
    b"xts",
]);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn two_bytes_lead_to_all_words(text in "(v|p4ss|\\$3cr3t|T0k3n|sha|[a-z@$!0-9]{0,3}|\u{e9}){0,3}") {
            let text = text.as_bytes();
            for lexicon in [&WORDS, &STAND_INS, &ALGORITHMS] {
                let is_there = |word: &&&[u8]| {
                    text.len() >= word.len() && text.iter().zip(**word).all(|(byte, letter)| stands_for(*byte, *letter))
                };
                let plainly: Vec<&[u8]> = lexicon.words.iter().filter(is_there).copied().collect();
                prop_assert_eq!(lexicon.at_start(text).collect::<Vec<_>>(), plainly);
            }
        }
    }
}

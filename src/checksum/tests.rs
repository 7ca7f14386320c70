//! What holds for every checksum: sealed samples verify, any change is noticed, and other forms are left alone.

use super::*;
use crate::rule::Sample;

/// A template of each form, and the length of the prefix that the checksum does not cover.
const FORMS: &[(Checksum, &str, usize)] = &[
    (Checksum::Crc32Base62, "ghp_{base62:36}", 4),
    (Checksum::Crc32HexUpper, "ATBB{base62:24}{hex-upper:8}", 0),
    (Checksum::Crc32HexBody, "cfut_{base62:40}{hex:8}", 5),
    (Checksum::Crc32HexBody, "zpka_{lower-alnum:32}_{hex:8}", 5),
    (Checksum::Crc32LeHex, "glsa_{base62:32}_{hex:8}", 0),
    (Checksum::Crc32Base36, "glpat-{base64url:37}.01.11{lower-alnum:7}", 0),
    (Checksum::Crc32Base64, "cflt{base64:60}", 0),
    (Checksum::AzureIdentifiable, "{base62:33}AzCa{base64:6}=", 0),
    (Checksum::AzureIdentifiable, "{base64:33}AIoT{base64:6}=", 0),
    (Checksum::AzureIdentifiable, "{base64:33}+ASb{base64:6}=", 0),
    (Checksum::AzureIdentifiable, "{base64:33}+AEh{base64:6}=", 0),
    (Checksum::AzureIdentifiable, "{base64:33}+ARm{base64:6}=", 0),
    (Checksum::AzureIdentifiable, "{base62:42}AzSe{base62:6}", 0),
    (Checksum::AzureIdentifiable, "{base64:42}+ACR{base64:6}", 0),
    (Checksum::AzureIdentifiable, "{base64url:44}AzFu{base64url:6}==", 0),
    (Checksum::AzureIdentifiable, "{base64:76}+ASt{base64:6}==", 0),
    (Checksum::AzureIdentifiable, "{base64:76}ACDb{base64:6}==", 0),
    (Checksum::AzureIdentifiable, "{base64:76}APIM{base64:6}==", 0),
    (Checksum::AzureIdentifiable, "{base64:76}+ABa{base64:6}==", 0),
    (Checksum::AzureIdentifiable, "{base64:76}+AMC{base64:6}==", 0),
    (Checksum::AzureCask, "{base62:52}JQQJ99BA{base62:16}AZDO{base62:4}", 0),
    (Checksum::AzureCask, "{base62:52}JQQJ99BA{base62:16}ACOG{base62:6}==", 0),
    (Checksum::AzureEntra, "{base62:3}8Q~{base64url:34}", 0),
    (Checksum::NkeyCrc16, "SUA{base32:55}", 0),
    (Checksum::Bech32, "AGE-SECRET-KEY-1{bech32-upper:58}", 0),
];

fn sealed(checksum: Checksum, template: &str, seed: u64) -> Vec<u8> {
    let filled = Sample::parse(template).unwrap().fill(seed, Some(checksum));
    filled.text
}

#[test]
fn names_are_read_back() {
    for (name, checksum) in NAMES {
        assert_eq!(name.parse(), Ok(*checksum));
        assert_eq!(checksum.as_str(), *name);
        assert!(FORMS.iter().any(|(tried, ..)| tried == checksum), "{name} is not tested");
    }
    assert_eq!("crc32".parse::<Checksum>(), Err(()));
}

#[test]
fn sealed_samples_verify() {
    for &(checksum, template, _) in FORMS {
        for seed in 0..50 {
            assert!(checksum.verify(&sealed(checksum, template, seed)), "{template}, {seed}");
        }
    }
}

#[test]
fn samples_left_open_do_not() {
    for &(checksum, template, _) in FORMS {
        let open = Sample::parse(template).unwrap().fill(1, None).text;
        assert!(!checksum.verify(&open), "{template}");
    }
}

#[test]
fn any_changed_character_is_noticed() {
    for &(checksum, template, uncovered) in FORMS {
        let right = sealed(checksum, template, 7);
        for at in uncovered..right.len() {
            for other in [b'A', b'Q', b'9', b'z', b'-', b' ', 0, 0xFF] {
                let mut wrong = right.clone();
                wrong[at] = other;
                assert!(wrong == right || !checksum.verify(&wrong), "{template}: {other} at {at}");
            }
        }
    }
}

#[test]
fn exchanged_neighbours_are_noticed() {
    for &(checksum, template, uncovered) in FORMS {
        let right = sealed(checksum, template, 8);
        for at in uncovered + 1..right.len() {
            let mut wrong = right.clone();
            wrong.swap(at - 1, at);
            assert!(wrong == right || !checksum.verify(&wrong), "{template}: at {at}");
        }
    }
}

#[test]
fn other_lengths_are_not_of_the_form() {
    for &(checksum, template, _) in FORMS {
        let right = sealed(checksum, template, 9);
        // The long form of a CASK key begins with its short form.
        for len in (0..right.len()).filter(|len| checksum != Checksum::AzureCask || *len != 84) {
            assert!(!checksum.verify(&right[..len]), "{template}: {len}");
        }
        assert!(!checksum.verify(&[&right[..], b"A"].concat()), "{template}");
    }
}

#[test]
fn what_is_refused_is_left_as_it_was() {
    let texts: [&[u8]; 6] = [b"", b"=", b"====", b"\xFF\xFE\x00", &[b'='; 88], &[0xFF; 84]];
    for (_, checksum) in NAMES {
        for text in texts {
            let mut copy = text.to_vec();
            assert!(checksum.seal(&mut copy) || copy == text);
        }
    }
    for (checksum, text) in [
        (Checksum::Crc32LeHex, "glsa_0123456789abcdef"),
        (Checksum::Crc32Base64, "cflt0123456789"),
        (Checksum::AzureIdentifiable, "0123456789AZEG012345="),
        (Checksum::AzureCask, "0123456789JQQJ99"),
        (Checksum::AzureEntra, "0127Q~0123456789012345678901234567890123"),
        (Checksum::NkeyCrc16, "SU0189"),
        (Checksum::Bech32, "AGE-SECRET-KEY-1bBBBBBBB"),
    ] {
        let mut copy = text.as_bytes().to_vec();
        assert!(!checksum.seal(&mut copy), "{text}");
        assert_eq!(copy, text.as_bytes());
    }
}

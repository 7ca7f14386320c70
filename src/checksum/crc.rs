//! Checksums by cyclic redundancy codes: CRC-32 of IEEE 802.3 in several notations, and CRC-16/XMODEM.

use data_encoding::{BASE32_NOPAD, BASE64, HEXLOWER};

use super::{BASE62, digits};

/// GitHub, npm: <https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/>.
pub(super) fn seal_base62(secret: &mut [u8]) -> bool {
    seal_tail::<6>(secret, |head| {
        let body = memchr::memrchr(b'_', head).map_or(head, |at| &head[at + 1..]);
        Some(digits(crc32fast::hash(body), BASE62))
    })
}

/// Atlassian and Bitbucket; found to hold for published tokens.
pub(super) fn seal_hex_upper(secret: &mut [u8]) -> bool {
    seal_tail::<8>(secret, |head| Some(digits(crc32fast::hash(head), b"0123456789ABCDEF")))
}

/// Cloudflare, Zuplo; found to hold for published tokens.
/// <https://developers.cloudflare.com/fundamentals/api/get-started/token-formats/>
pub(super) fn seal_hex_body(secret: &mut [u8]) -> bool {
    seal_tail::<8>(secret, |head| {
        let body = memchr::memchr(b'_', head).map_or(head, |at| &head[at + 1..]);
        let body = body.strip_suffix(b"_").unwrap_or(body);
        Some(digits(crc32fast::hash(body), b"0123456789abcdef"))
    })
}

/// Grafana: <https://github.com/grafana/grafana/tree/main/pkg/components/satokengen>.
pub(super) fn seal_le_hex(secret: &mut [u8]) -> bool {
    seal_tail::<8>(secret, |head| {
        let body = head.strip_suffix(b"_")?;
        let mut tail = [0; 8];
        HEXLOWER.encode_mut(&crc32fast::hash(body).to_le_bytes(), &mut tail);
        Some(tail)
    })
}

/// GitLab's routable tokens:
/// <https://gitlab.com/gitlab-org/gitlab/-/blob/master/lib/authn/token_field/generator/routable_token.rb>.
pub(super) fn seal_base36(secret: &mut [u8]) -> bool {
    seal_tail::<7>(secret, |head| Some(digits(crc32fast::hash(head), b"0123456789abcdefghijklmnopqrstuvwxyz")))
}

/// Confluent; found to hold for a published secret.
pub(super) fn seal_base64(secret: &mut [u8]) -> bool {
    seal_tail::<6>(secret, |head| {
        let body = head.strip_prefix(b"cflt").filter(|body| body.len() == 54)?;
        let mut text = [0; 8];
        BASE64.encode_mut(&crc32fast::hash(body).to_le_bytes(), &mut text);
        text.first_chunk().copied()
    })
}

/// Replaces the last `N` bytes by what `checksum` makes of those before.
fn seal_tail<const N: usize>(secret: &mut [u8], checksum: impl FnOnce(&[u8]) -> Option<[u8; N]>) -> bool {
    let Some((head, tail)) = secret.split_last_chunk_mut::<N>() else { return false };
    let Some(right) = checksum(head) else { return false };
    *tail = right;
    true
}

/// The characters of an NKEY seed: two bytes of kind, 32 of key and two of checksum, in base32.
const NKEY_SEED: usize = 58;

/// NATS: <https://github.com/nats-io/nkeys/blob/main/strkey.go>.
pub(super) fn seal_nkey(secret: &mut [u8]) -> bool {
    if secret.len() != NKEY_SEED {
        return false;
    }
    let mut text = secret.to_vec();
    // The last character holds nothing but checksum; whatever it is, it must not keep the rest from being decoded.
    text[NKEY_SEED - 1] = b'A';
    let Ok(mut key) = BASE32_NOPAD.decode(&text) else { return false };
    let Some((head, tail)) = key.split_last_chunk_mut::<2>() else { return false };
    *tail = crc16(head).to_le_bytes();
    BASE32_NOPAD.encode_mut(&key, secret);
    true
}

/// CRC-16/XMODEM: polynomial 0x1021, most significant bit first, starting from zero.
/// <https://reveng.sourceforge.io/crc-catalogue/16.htm#crc.cat.crc-16-xmodem>
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ (u16::from(byte) << 8), |sum, _| if sum >> 15 == 1 { (sum << 1) ^ 0x1021 } else { sum << 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_of_the_catalogue() {
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc16(b"123456789"), 0x31C3);
    }

    #[test]
    fn each_notation_stands_in_its_place() {
        // CRC-32 of "123456789" is 0xCBF43926.
        let sealed = |seal: fn(&mut [u8]) -> bool, text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            assert!(seal(&mut bytes), "{text}");
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(sealed(seal_base62, "ab_123456789------"), "ab_1234567893jZRME");
        assert_eq!(sealed(seal_hex_upper, "123456789--------"), "123456789CBF43926");
        assert_eq!(sealed(seal_hex_body, "ab_123456789_--------"), "ab_123456789_cbf43926");
        assert_eq!(sealed(seal_hex_body, "ab_123456789--------"), "ab_123456789cbf43926");
        assert_eq!(sealed(seal_le_hex, "123456789_--------"), "123456789_2639f4cb");
        assert_eq!(sealed(seal_base36, "123456789-------"), "1234567891kl8mjq");
    }

    #[test]
    fn a_small_sum_is_padded_on_the_left() {
        assert_eq!(digits::<7>(35, b"0123456789abcdefghijklmnopqrstuvwxyz"), *b"000000z");
        assert_eq!(digits::<6>(u32::MAX, BASE62), *b"4gfFC3");
    }
}

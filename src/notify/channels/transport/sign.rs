//! How receivers want to be shown that a message is ours.

use aws_lc_rs::{digest, hmac};
use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// MD5 in lower-case hexadecimal: what cloud MAS asks for. It guards against mistakes, not against an enemy; https does.
pub fn md5_hex(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

/// HMAC-SHA-256 in base64, as DingTalk and Feishu want it.
pub fn hmac_base64(key: &str, text: &str) -> String {
    STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text.as_bytes()))
}

/// HMAC-SHA-256 in hexadecimal, for `X-Linkpatrol-Signature`.
pub fn hmac_hex(key: &str, text: &[u8]) -> String {
    hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text).as_ref())
}

/// Half of a SHA-256: a name for a key that tells nothing about it.
pub fn name_of(key: &str) -> String {
    hex(&digest::digest(&digest::SHA256, key.as_bytes()).as_ref()[..16])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// As it stands in an address.
pub fn percent(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        // RFC 1321, A.5.
        assert_eq!(md5_hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
        // RFC 4231, test case 2.
        let signed = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hmac_hex("Jefe", b"what do ya want for nothing?"), signed);
        assert_eq!(percent("a/b c=断"), "a%2Fb%20c%3D%E6%96%AD");
    }
}

//! How is a text put into JSON that is written piece by piece?

/// Appends a text with its quotes. Nearly every text needs no escapes, and is copied as it is; serde knows what others need.
pub fn push_text(json: &mut Vec<u8>, text: &str) {
    // All of it is looked at, without an early end: that way several bytes are looked at together.
    let needs_none = |byte: u8| matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\');
    if text.bytes().fold(true, |all, byte| all & needs_none(byte)) {
        json.push(b'"');
        json.extend_from_slice(text.as_bytes());
        json.push(b'"');
    } else {
        let _infallible = serde_json::to_writer(json, text); // to memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_is_written_as_serde_writes_it(text in ".{0,20}|[ -~\\x00\\x1f\"\\\\\u{7f}é]{0,20}") {
            let mut json = Vec::new();
            push_text(&mut json, &text);
            prop_assert_eq!(json, serde_json::to_vec(&text).unwrap());
        }
    }
}

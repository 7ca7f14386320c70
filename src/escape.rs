//! Text for terminals and for lines of files: nothing in it acts, hides or turns around.

use std::fmt::{self, Write as _};

/// Whether a character is a control, or one that shows nothing or changes how others show: format characters
/// (bidirectional controls, zero-width joiners, tags), line and paragraph separators, fillers, variation selectors.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}' | '\u{890}'..='\u{891}'
            | '\u{8E2}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{110BD}' | '\u{110CD}'
            | '\u{13430}'..='\u{1343F}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}')
}

/// Shows a text with its hidden characters written out: `\n`, `\r`, `\t`, and the rest as `\u{202e}`.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if is_hidden(c) => write!(f, "{}", c.escape_unicode())?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_hidden_characters_are_written_out() {
        let shown = |text: &str| Escaped(text).to_string();
        assert_eq!(shown("a\n\r\tb"), "a\\n\\r\\tb");
        assert_eq!(shown("\u{1b}[2J\u{7f}\u{9b}"), "\\u{1b}[2J\\u{7f}\\u{9b}");
        assert_eq!(shown("\u{202e}txt.\u{2066}\u{200b}\u{feff}"), "\\u{202e}txt.\\u{2066}\\u{200b}\\u{feff}");
        assert_eq!(shown("\u{e0041}\u{2028}\u{ad}\u{fe0f}"), "\\u{e0041}\\u{2028}\\u{ad}\\u{fe0f}");
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        let text = "src/größe/日本語 file\\name 😀.py";
        assert_eq!(Escaped(text).to_string(), text);
    }
}

//! A QR code as terminal text: two modules a character, with the quiet margin that scanners need.

use afterword_core::error::Error;
use qrcode::{Color, EcLevel, QrCode};

/// The code for `text`. With `colour`, black on white whatever the terminal's own colours; without, the half blocks
/// alone, drawn for light text on a dark ground, which phones read either way round.
pub fn render(text: &str, colour: bool) -> Result<String, Error> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L)
        .map_err(|error| Error::internal(format!("a QR code could not be made: {error}")))?;
    const QUIET: isize = 4;
    let width = code.width() as isize;
    let modules = code.to_colors();
    let light = |x: isize, y: isize| {
        let inside = (0..width).contains(&x) && (0..width).contains(&y);
        !inside || modules[(y * width + x) as usize] == Color::Light
    };
    let mut out = String::new();
    for y in (-QUIET..width + QUIET).step_by(2) {
        if colour {
            out.push_str("\x1b[38;5;231;48;5;16m");
        }
        for x in -QUIET..width + QUIET {
            out.push(match (light(x, y), light(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        out.push_str(if colour { "\x1b[0m\n" } else { "\n" });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the drawn modules back and compares them with the code itself.
    #[test]
    fn what_is_drawn_is_the_code() {
        let text = "afterword:pair?c=0123456789abcdef0123456789abcdef";
        let drawn = render(text, false).unwrap();
        let mut rows: Vec<Vec<bool>> = Vec::new();
        for line in drawn.lines() {
            rows.push(line.chars().map(|c| c == '█' || c == '▀').collect());
            rows.push(line.chars().map(|c| c == '█' || c == '▄').collect());
        }
        let code = QrCode::with_error_correction_level(text, EcLevel::L).unwrap();
        let width = code.width();
        for (i, colour) in code.to_colors().into_iter().enumerate() {
            assert_eq!(rows[i / width + 4][i % width + 4], colour == Color::Light);
        }
        assert!(rows[..4].iter().flatten().all(|light| *light), "the quiet margin is light");
        assert!(rows.iter().all(|row| row.len() == width + 8));
    }

    #[test]
    fn no_colour_means_no_escapes() {
        assert!(!render("x", false).unwrap().contains('\x1b'));
        assert!(render("x", true).unwrap().lines().all(|line| line.ends_with("\x1b[0m")));
    }
}

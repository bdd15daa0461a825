//! The colours of the picture: a dark terminal, legible on light pages and dark ones.

use crate::view::Shade;

pub(super) const BACKGROUND: &str = "#1b1d23";
pub(super) const FOREGROUND: &str = "#d6d9e0";

/// The sixteen named colours, dark then bright.
const NAMED: [&str; 16] = [
    "#3b3f4a", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#c8ccd4", "#6b7280", "#f0868e",
    "#b5dd95", "#f2d597", "#85c5ff", "#dba0ee", "#7ccfda", "#ffffff",
];

/// The six steps of the colour cube (xterm's).
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// A colour as CSS writes it.
pub(super) fn css(shade: Shade) -> String {
    match shade {
        Shade::Rgb(red, green, blue) => rgb(red, green, blue),
        Shade::Indexed(index) => match NAMED.get(usize::from(index)) {
            Some(named) => (*named).to_owned(),
            None if index < 232 => {
                let cube = index - 16;
                let step = |digit: u8| STEPS.get(usize::from(digit)).copied().unwrap_or_default();
                rgb(step(cube / 36), step(cube / 6 % 6), step(cube % 6))
            }
            None => {
                let grey = 8 + (index - 232) * 10;
                rgb(grey, grey, grey)
            }
        },
    }
}

fn rgb(red: u8, green: u8, blue: u8) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::css;
    use crate::view::Shade;

    #[test]
    fn every_index_is_a_colour() {
        assert_eq!(css(Shade::Indexed(16)), "#000000");
        assert_eq!(css(Shade::Indexed(196)), "#ff0000");
        assert_eq!(css(Shade::Indexed(231)), "#ffffff");
        assert_eq!(css(Shade::Indexed(255)), "#eeeeee");
        assert_eq!(css(Shade::Rgb(1, 2, 3)), "#010203");
        assert!((0..=255).all(|index| css(Shade::Indexed(index)).len() == 7));
    }
}

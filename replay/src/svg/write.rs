//! The file.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use super::film::Film;
use super::palette::{BACKGROUND, FOREGROUND, css};
use crate::view::{Glyph, Style};

/// A cell, in the picture's units: tenths of a pixel would be as good, whole ones are shorter to write.
const CELL_WIDTH: f64 = 8.4;
const CELL_HEIGHT: usize = 18;
const FONT_SIZE: usize = 14;
/// From the top of a row to the line that letters stand on.
const BASELINE: usize = 13;
const MARGIN: usize = 14;

const FONTS: &str = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace";

/// The whole file. Writing to a string cannot fail; results of `write!` are not looked at.
pub(super) fn drawing(film: &Film) -> String {
    let width = (film.columns as f64 * CELL_WIDTH).ceil() as usize + 2 * MARGIN;
    let height = film.rows * CELL_HEIGHT + 2 * MARGIN;
    let mut colours = Colours::default();
    let mut texts = String::new();
    for (number, glyphs) in film.texts.iter().enumerate() {
        let _ = write!(texts, "<g id=\"r{number}\">");
        row(&mut texts, glyphs, &mut colours);
        texts.push_str("</g>\n");
    }
    let mut svg = String::with_capacity(texts.len() * 2);
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"a recorded terminal session\">\n<style>text{{font:{FONT_SIZE}px {FONTS};fill:{FOREGROUND};\
         white-space:pre}}.b{{font-weight:700}}.d{{opacity:.6}}.i{{font-style:italic}}.u{{text-decoration:underline}}\
         .s{{text-decoration:line-through}}{}</style>\n<rect width=\"{width}\" height=\"{height}\" rx=\"8\" \
         fill=\"{BACKGROUND}\"/>\n<defs>\n{texts}<rect id=\"c\" width=\"{CELL_WIDTH}\" height=\"{CELL_HEIGHT}\" \
         fill=\"{FOREGROUND}\" opacity=\".55\"/>\n</defs>\n",
        colours.css()
    );
    let moving = film.showings.iter().any(|showing| showing.from > Duration::ZERO || showing.until.is_some());
    if moving {
        // The clock that everything hangs on: it does nothing but begin anew.
        let _ = writeln!(
            svg,
            "<rect width=\"0\" height=\"0\"><animate id=\"t\" attributeName=\"x\" values=\"0\" begin=\"0s;t.end\" \
             dur=\"{}s\"/></rect>",
            seconds(film.length())
        );
    }
    let _ = writeln!(svg, "<g transform=\"translate({MARGIN} {MARGIN})\">");
    // What comes and goes together is switched together: a screen that scrolls changes in all its rows.
    let mut spans: BTreeMap<(Duration, Option<Duration>), String> = BTreeMap::new();
    for showing in &film.showings {
        let uses = spans.entry((showing.from, showing.until)).or_default();
        let _ = write!(uses, "<use href=\"#r{}\" y=\"{}\"/>", showing.text, showing.row * CELL_HEIGHT);
    }
    for place in &film.places {
        let (x, y) = (round(place.column as f64 * CELL_WIDTH), place.row * CELL_HEIGHT);
        let uses = spans.entry((place.from, place.until)).or_default();
        let _ = write!(uses, "<use href=\"#c\" x=\"{x}\" y=\"{y}\"/>");
    }
    for ((from, until), uses) in spans {
        switched(&mut svg, &uses, from, until);
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// Something that is seen from `from` to `until`. What is seen at the end is seen where nothing moves, too.
fn switched(svg: &mut String, what: &str, from: Duration, until: Option<Duration>) {
    let _ = match until {
        None if from.is_zero() => writeln!(svg, "{what}"),
        None => writeln!(
            svg,
            "<g><set attributeName=\"visibility\" to=\"hidden\" begin=\"t.begin\" dur=\"{}s\"/>{what}</g>",
            seconds(from)
        ),
        Some(until) => writeln!(
            svg,
            "<g visibility=\"hidden\"><set attributeName=\"visibility\" to=\"visible\" begin=\"t.begin+{}s\" \
             dur=\"{}s\"/>{what}</g>",
            seconds(from),
            seconds(until.saturating_sub(from))
        ),
    };
}

/// One row: backgrounds, then runs of letters in one style.
fn row(svg: &mut String, glyphs: &[Glyph], colours: &mut Colours) {
    let mut runs: Vec<(usize, &[Glyph])> = Vec::new();
    let mut start = 0;
    for run in glyphs.chunk_by(|one, next| one.style == next.style || next.width == 0) {
        runs.push((start, run));
        start += run.len();
    }
    for (column, run) in &runs {
        let Some(style) = run.first().map(|glyph| glyph.style) else { continue };
        let (_, behind) = shades(style);
        if let Some(behind) = behind {
            let _ = write!(
                svg,
                "<rect x=\"{}\" width=\"{}\" height=\"{CELL_HEIGHT}\" fill=\"{behind}\"/>",
                round(*column as f64 * CELL_WIDTH),
                round(run.len() as f64 * CELL_WIDTH)
            );
        }
    }
    for (column, run) in runs {
        let Some(style) = run.first().map(|glyph| glyph.style) else { continue };
        words(svg, column, run, style, colours);
    }
}

/// The letters of a run, without the spaces around them.
fn words(svg: &mut String, column: usize, run: &[Glyph], style: Style, colours: &mut Colours) {
    let lines = style.underline || style.strikethrough;
    let is_seen = |glyph: &&Glyph| glyph.letter != ' ' || lines;
    let before = run.iter().take_while(|glyph| !is_seen(glyph)).count();
    let after = run.iter().rev().take_while(|glyph| !is_seen(glyph)).count();
    let Some(seen) = run.get(before..run.len().saturating_sub(after)).filter(|seen| !seen.is_empty()) else { return };
    let x = round((column + before) as f64 * CELL_WIDTH);
    let classes = classes(style, colours);
    let class = if classes.is_empty() { String::new() } else { format!(" class=\"{classes}\"") };
    // Fonts differ in width: the run is made as wide as its cells.
    let length = if seen.len() > 1 {
        format!(" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\"", round(seen.len() as f64 * CELL_WIDTH))
    } else {
        String::new()
    };
    let _ = write!(svg, "<text x=\"{x}\" y=\"{BASELINE}\"{class}{length}>");
    for glyph in seen.iter().filter(|glyph| glyph.width > 0) {
        match glyph.letter {
            '<' => svg.push_str("&lt;"),
            '>' => svg.push_str("&gt;"),
            '&' => svg.push_str("&amp;"),
            letter if is_xml(letter) => svg.push(letter),
            _ => svg.push('�'),
        }
    }
    svg.push_str("</text>");
}

fn classes(style: Style, colours: &mut Colours) -> String {
    let mut classes: Vec<String> = [
        (style.bold, "b"),
        (style.faint, "d"),
        (style.italic, "i"),
        (style.underline, "u"),
        (style.strikethrough, "s"),
    ]
    .into_iter()
    .filter(|(set, _)| *set)
    .map(|(_, name)| name.to_owned())
    .collect();
    let (letter, _) = shades(style);
    classes.extend(letter.map(|colour| colours.class(colour)));
    classes.join(" ")
}

/// The colours of the letters and of what is behind them, where they are not the usual ones.
fn shades(style: Style) -> (Option<String>, Option<String>) {
    let (letter, behind) = (style.foreground.map(css), style.background.map(css));
    if style.inverse {
        (Some(behind.unwrap_or_else(|| BACKGROUND.to_owned())), Some(letter.unwrap_or_else(|| FOREGROUND.to_owned())))
    } else {
        (letter, behind)
    }
}

/// The colours of letters that the picture uses, each with a class.
#[derive(Default)]
struct Colours(BTreeMap<String, usize>);

impl Colours {
    fn class(&mut self, colour: String) -> String {
        let next = self.0.len();
        format!("f{}", self.0.entry(colour).or_insert(next))
    }

    fn css(&self) -> String {
        self.0.iter().fold(String::new(), |mut css, (colour, number)| {
            let _ = write!(css, ".f{number}{{fill:{colour}}}");
            css
        })
    }
}

/// Whether XML 1.0 allows the letter in text (section 2.2).
fn is_xml(letter: char) -> bool {
    !letter.is_control() && !matches!(letter, '\u{fffe}' | '\u{ffff}')
}

fn seconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 1000.0).round() / 1000.0
}

fn round(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}

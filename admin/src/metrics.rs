//! Figures in Prometheus' text format (exposition format 0.0.4).

use std::fmt::Write;

/// What a figure does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It grows and falls.
    Gauge,
}

/// Figures of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// The name: `wiretape_sessions_live`; letters, digits and `_`. That of a counter ends in `_total`.
    pub name: &'static str,
    /// What it counts, in a sentence.
    pub help: &'static str,
    /// What it does.
    pub kind: Kind,
    /// Label sets with their values.
    pub samples: Vec<Sample>,
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Names (letters, digits and `_`) and values (anything) of its labels.
    pub labels: Vec<(&'static str, String)>,
    /// The figure.
    pub value: f64,
}

impl Family {
    /// A figure without labels that only grows.
    #[must_use]
    pub fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self::one(name, help, Kind::Counter, value as f64)
    }

    /// A figure without labels that grows and falls.
    #[must_use]
    pub fn gauge(name: &'static str, help: &'static str, value: f64) -> Self {
        Self::one(name, help, Kind::Gauge, value)
    }

    fn one(name: &'static str, help: &'static str, kind: Kind, value: f64) -> Self {
        Self { name, help, kind, samples: vec![Sample { labels: Vec::new(), value }] }
    }
}

/// The figures as Prometheus reads them.
#[must_use]
pub fn written(families: &[Family]) -> String {
    let mut text = String::new();
    for family in families {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {} {}", family.name, escaped(family.help, false));
        let _ = writeln!(text, "# TYPE {} {kind}", family.name);
        for sample in &family.samples {
            text.push_str(family.name);
            for (position, (name, value)) in sample.labels.iter().enumerate() {
                let _ = write!(text, "{}{name}=\"{}\"", if position == 0 { '{' } else { ',' }, escaped(value, true));
            }
            if !sample.labels.is_empty() {
                text.push('}');
            }
            let _ = writeln!(text, " {}", number(sample.value));
        }
    }
    text
}

fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

fn escaped(text: &str, quotes: bool) -> String {
    let mut written = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '"' if quotes => written.push_str("\\\""),
            other => written.push(other),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::{Family, Kind, Sample, written};

    #[test]
    fn figures_are_written_as_prometheus_reads_them() {
        let families = [
            Family::gauge("wiretape_sessions_live", "Sessions that run now.", 3.0),
            Family {
                name: "wiretape_decisions_total",
                help: "Decisions\\all\nof them.",
                kind: Kind::Counter,
                samples: vec![Sample {
                    labels: vec![("verdict", "allow".to_owned()), ("rule", "a\"b\\c\nd".to_owned())],
                    value: 17.0,
                }],
            },
            Family::gauge("wiretape_ratio", "A ratio.", f64::INFINITY),
        ];
        assert_eq!(
            written(&families),
            "# HELP wiretape_sessions_live Sessions that run now.\n# TYPE wiretape_sessions_live gauge\n\
             wiretape_sessions_live 3\n\
             # HELP wiretape_decisions_total Decisions\\\\all\\nof them.\n# TYPE wiretape_decisions_total counter\n\
             wiretape_decisions_total{verdict=\"allow\",rule=\"a\\\"b\\\\c\\nd\"} 17\n\
             # HELP wiretape_ratio A ratio.\n# TYPE wiretape_ratio gauge\nwiretape_ratio +Inf\n"
        );
    }
}

//! Remote write 1.0: exposition text in, snappy-compressed protobuf out. Pure.

use std::collections::HashSet;

use prost::Message;

/// Samples of one request: what Prometheus itself sends at most by default.
const MOST_SAMPLES: usize = 2_000;
/// The NaN by which Prometheus knows that a series has ended.
const ENDED: u64 = 0x7ff0_0000_0000_0002;

#[derive(Clone, PartialEq, Message)]
pub(super) struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub series: Vec<Series>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Series {
    /// Sorted by name, as the protocol asks.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, PartialOrd, Message)]
pub(super) struct Label {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Sample {
    #[prost(double, tag = "1")]
    pub value: f64,
    /// Milliseconds since 1970-01-01 UTC.
    #[prost(int64, tag = "2")]
    pub at: i64,
}

/// One request, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Body {
    pub samples: u32,
    pub bytes: Vec<u8>,
}

/// Makes requests of scrapes, and remembers which series the last one had.
pub(super) struct Encoder {
    /// Of every series, such as `job` and `instance`.
    labels: Vec<Label>,
    /// Name and labels as they stood in the text.
    before: HashSet<Box<str>>,
}

impl Encoder {
    pub(super) fn new(labels: &[(&str, &str)]) -> Self {
        let label = |(name, value): &(&str, &str)| Label { name: (*name).to_owned(), value: (*value).to_owned() };
        Self { labels: labels.iter().map(label).collect(), before: HashSet::new() }
    }

    /// The requests for one scrape at this time. Series that the last scrape had and this one lacks are said to have ended.
    pub(super) fn encode(&mut self, parts: impl Iterator<Item = String>, at: i64) -> Vec<Body> {
        let (mut bodies, mut waiting, mut now) = (vec![], vec![], HashSet::with_capacity(self.before.len()));
        for part in parts {
            for (key, value) in part.lines().filter_map(sample) {
                waiting.extend(self.series(key, value, at));
                now.insert(key.into());
                if waiting.len() >= MOST_SAMPLES {
                    bodies.push(body(std::mem::take(&mut waiting)));
                }
            }
        }
        let ended = self.before.difference(&now).filter_map(|key| self.series(key, f64::from_bits(ENDED), at));
        waiting.extend(ended);
        let rest: Vec<_> = waiting.chunks(MOST_SAMPLES).map(|part| body(part.to_vec())).collect();
        bodies.extend(rest);
        self.before = now;
        bodies
    }

    fn series(&self, key: &str, value: f64, at: i64) -> Option<Series> {
        let mut labels = labels(key)?;
        labels.extend(self.labels.iter().cloned());
        labels.sort_by(|one, other| one.name.cmp(&other.name));
        Some(Series { labels, samples: vec![Sample { value, at }] })
    }
}

fn body(series: Vec<Series>) -> Body {
    let samples = u32::try_from(series.len()).unwrap_or(u32::MAX);
    let plain = WriteRequest { series }.encode_to_vec();
    // Fails only for more than 4 GiB.
    let bytes = snap::raw::Encoder::new().compress_vec(&plain).unwrap_or_default();
    Body { samples, bytes }
}

/// Name with labels, and value, of a line of the text. `None`: a comment, or a line of another form.
fn sample(line: &str) -> Option<(&str, f64)> {
    let (key, value) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))?;
    Some((key, value.parse().ok()?))
}

/// `name{one="…",two="…"}` in its labels.
fn labels(key: &str) -> Option<Vec<Label>> {
    let (name, mut rest) = match key.split_once('{') {
        Some((name, rest)) => (name, rest.strip_suffix('}')?),
        None => (key, ""),
    };
    let mut labels = vec![Label { name: "__name__".to_owned(), value: name.to_owned() }];
    while !rest.is_empty() {
        let (name, quoted) = rest.split_once("=\"")?;
        let (value, after) = unescaped(quoted)?;
        // An empty label is the same as none, and the protocol forbids it.
        if !value.is_empty() {
            labels.push(Label { name: name.to_owned(), value });
        }
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    Some(labels)
}

/// The value up to its closing quotation mark, and what follows that.
fn unescaped(quoted: &str) -> Option<(String, &str)> {
    let (mut value, mut characters) = (String::new(), quoted.char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, quoted.get(at + 1..)?)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Body) -> Vec<(String, f64)> {
        let plain = snap::raw::Decoder::new().decompress_vec(&body.bytes).unwrap();
        let request = WriteRequest::decode(plain.as_slice()).unwrap();
        let text = |series: &Series| {
            let names: Vec<_> = series.labels.iter().map(|label| label.name.as_str()).collect();
            assert!(names.is_sorted(), "{names:?}");
            series.labels.iter().map(|label| format!("{}={}", label.name, label.value)).collect::<Vec<_>>().join(" ")
        };
        request.series.iter().map(|series| (text(series), series.samples[0].value)).collect()
    }

    fn scrape(text: &str) -> std::iter::Once<String> {
        std::iter::once(text.to_owned())
    }

    #[test]
    fn labels_are_sorted_unescaped_and_never_empty() {
        let mut encoder = Encoder::new(&[("job", "linkpatrol"), ("instance", "a")]);
        let text =
            "# HELP x y\n# TYPE x gauge\nx{link=\"LL-1\",name=\"核心 \\\"A\\\"\\\\\\n, b\",none=\"\"} 1.5\nplain 2\n";
        let bodies = encoder.encode(scrape(text), 7);
        assert_eq!(bodies.len(), 1);
        assert_eq!(
            read(&bodies[0]),
            [
                ("__name__=x instance=a job=linkpatrol link=LL-1 name=核心 \"A\"\\\n, b".to_owned(), 1.5),
                ("__name__=plain instance=a job=linkpatrol".to_owned(), 2.0)
            ]
        );
        assert_eq!(bodies[0].samples, 2);
    }

    #[test]
    fn a_series_that_is_gone_is_said_to_have_ended_once() {
        let mut encoder = Encoder::new(&[]);
        encoder.encode(scrape("a{x=\"1\"} 1\nb 1\n"), 1);
        let told = read(&encoder.encode(scrape("b 1\n"), 2)[0]);
        assert_eq!(told[1].0, "__name__=a x=1");
        assert_eq!(told[1].1.to_bits(), ENDED);
        assert_eq!(read(&encoder.encode(scrape("b 1\n"), 3)[0]).len(), 1);
    }

    #[test]
    fn a_large_scrape_is_cut_into_requests_and_all_of_it_is_in_them() {
        let text: String = (0..5_001).map(|number| format!("m{{n=\"{number}\"}} {number}\n")).collect();
        let bodies = Encoder::new(&[]).encode(scrape(&text), 1);
        assert_eq!(bodies.iter().map(|body| body.samples).collect::<Vec<_>>(), [2_000, 2_000, 1_001]);
        assert_eq!(bodies.iter().map(|body| read(body).len()).sum::<usize>(), 5_001);
    }

    #[test]
    fn every_line_of_a_real_scrape_is_understood() {
        let snapshot = std::sync::Arc::new(crate::export::fixture::snapshot(7));
        let parts: Vec<String> = crate::export::Scrape::of(snapshot).collect();
        let lines = parts.iter().flat_map(|part| part.lines()).filter(|line| !line.starts_with('#')).count();
        let bodies = Encoder::new(&[]).encode(parts.into_iter(), 1);
        assert_eq!(bodies.iter().map(|body| body.samples as usize).sum::<usize>(), lines);
    }
}

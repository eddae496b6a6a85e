//! What a site asks of robots (RFC 9309): which paths they leave alone.
//!
//! In: the text of `robots.txt`, whatever it is. Out: [`Rules`] for our own name. Pure.

/// Bytes that are read (RFC 9309 asks for at least 500 KiB), and rules that are kept.
pub const MOST_BYTES: usize = 512 * 1024;
const MOST_RULES: usize = 2_000;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Whether it is allowed, and the pattern.
    rules: Vec<(bool, String)>,
}

impl Rules {
    /// Nothing may be visited: what a site that cannot say its rules is taken to mean.
    pub fn none() -> Self {
        Self { rules: vec![(false, "/".into())] }
    }

    /// The rules for the robot called `name`, else those for all.
    pub fn read(text: &str, name: &str) -> Self {
        let (mut own, mut all) = (None::<Vec<_>>, vec![]);
        let (mut agents, mut in_rules) = (vec![], false);
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "user-agent" => {
                    if std::mem::take(&mut in_rules) {
                        agents.clear();
                    }
                    agents.push(value.to_ascii_lowercase());
                    if value.eq_ignore_ascii_case(name) {
                        own.get_or_insert_default();
                    }
                }
                key @ ("allow" | "disallow") => {
                    in_rules = true;
                    let rule = || (key == "allow", value.to_owned());
                    if agents.iter().any(|agent| agent.eq_ignore_ascii_case(name)) {
                        let own = own.get_or_insert_default();
                        keep(own, rule());
                    } else if agents.iter().any(|agent| agent == "*") {
                        keep(&mut all, rule());
                    }
                }
                _ => {}
            }
        }
        Self { rules: own.unwrap_or(all) }
    }

    /// The longest pattern that matches decides; of equals, the one that allows.
    pub fn allow(&self, path: &str) -> bool {
        let matching = self.rules.iter().filter(|(_, pattern)| matches(pattern, path));
        matching.max_by_key(|(allowed, pattern)| (pattern.len(), *allowed)).is_none_or(|(allowed, _)| *allowed)
    }
}

/// An empty pattern forbids nothing.
fn keep(rules: &mut Vec<(bool, String)>, rule: (bool, String)) {
    if !rule.1.is_empty() && rules.len() < MOST_RULES {
        rules.push(rule);
    }
}

/// `*` stands for anything, `$` for the end.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, whole) = pattern.strip_suffix('$').map_or((pattern, false), |pattern| (pattern, true));
    let mut pieces = pattern.split('*');
    let Some(mut rest) = path.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut last = "";
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        (rest, last) = (&rest[at + piece.len()..], piece);
    }
    !whole || rest.is_empty() || pattern.contains('*') && path.ends_with(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_pattern_of_our_own_group_decides() {
        let text = "User-agent: *\nDisallow: /\n\nUser-Agent: linkpatrol\nUser-agent: other\nDisallow: /private # ours\n\
                    Allow: /private/open\nDisallow: /*.pdf$\nDisallow:\n";
        let own = Rules::read(text, "linkpatrol");
        let allowed =
            ["/", "/private/a", "/private/open/a", "/a.pdf", "/a.pdf?x", "/a/b.pdf"].map(|path| own.allow(path));
        assert_eq!(allowed, [true, false, true, false, true, false]);
        let stranger = Rules::read(text, "stranger");
        assert!(!stranger.allow("/") && Rules::read("", "linkpatrol").allow("/") && !Rules::none().allow("/x"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text: String, path: String) {
            Rules::read(&text, "linkpatrol").allow(&path);
        }
    }
}

//! Expressions about the body of an answer.

/// An expression of the Common Expression Language that compiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cel {
    pub source: String,
}

/// Letters of an expression: a screen full.
const MOST_CEL: usize = 1_000;

impl Cel {
    /// `Err`: what the compiler says.
    pub fn parse(source: &str) -> Result<Self, String> {
        if source.len() > MOST_CEL {
            return Err(format!("longer than {MOST_CEL} bytes"));
        }
        match cel::Program::compile(source) {
            Ok(_) => Ok(Self { source: source.to_owned() }),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What the compiler says, in one line and without the list of everything that could stand there, which helps nobody.
    pub fn short(error: &str) -> &str {
        let line = error.lines().next().unwrap_or_default();
        line.split(" expecting ").next().unwrap_or(line)
    }
}

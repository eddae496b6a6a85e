//! One condition of a rule: CEL over the declared variables, compiled once.
//!
//! In: text that a person wrote. Out: a [`Condition`] of which all is known before it is evaluated (the variables, and
//! that it is true or false), or every fault with its place in the text. The compiler of CEL accepts any name and any
//! type, so both are checked here; what could loop, fail or look outside is refused.
//!
//! A variable without a value makes what depends on it [`Truth::Unknown`]: `loss_1m > 0.05` says nothing of a minute in
//! which nothing was sent. `unknown && false` is false and `unknown || true` is true.

use cel::{
    Context, IdedExpr, Program, Value as Cel,
    common::{
        ast::{CallExpr, Expr, LiteralValue, SourceInfo, operators},
        types::CelDouble,
    },
};

use super::variables::{self, Kind, Reading, Variable, Words};
use crate::diagnostic::closest;

/// Letters of a condition: a screen full.
const MOST_LETTERS: usize = 1_000;
/// Brackets within brackets.
const MOST_DEPTH: usize = 16;
/// Variables, words, numbers and operators together.
const MOST_PARTS: usize = 200;

/// What a condition says of a link now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    /// A variable that it depends on has no value.
    Unknown,
}

/// A condition that compiled.
#[derive(Clone, Debug)]
pub struct Condition {
    source: String,
    expression: IdedExpr,
    /// By name, each once.
    pub uses: Vec<&'static Variable>,
    /// Words that it compares variables with, and where they stand.
    pub words: Vec<Word>,
}

/// A word that a variable is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub of: Words,
    pub text: String,
    /// Letters before it in the condition.
    pub at: usize,
}

/// What is wrong, and how many letters of the condition stand before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub at: usize,
    pub kind: FaultKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// In the compiler's words.
    Syntax(String),
    UnknownName {
        name: String,
        closest: Option<&'static str>,
    },
    /// CEL has it, conditions have not.
    NotAvailable(String),
    WrongType {
        found: Type,
        wanted: Type,
    },
    /// Only by a number other than zero, so that every quotient is one.
    Divisor,
    TooLong {
        most: usize,
    },
    TooDeep {
        most: usize,
    },
    TooManyParts {
        most: usize,
    },
    /// It asks nothing of the link.
    Constant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Truth,
    Number,
    Text,
}

/// What all conditions are evaluated in: building it costs a hundred times what an evaluation does.
#[derive(Default)]
pub struct Root(Context<'static, 'static>);

impl Condition {
    /// Compiles and checks.
    ///
    /// # Errors
    /// Every fault, in order of place.
    pub fn compile(source: &str) -> Result<Self, Vec<Fault>> {
        within_bounds(source).map_err(|fault| vec![fault])?;
        let program = Program::compile(source).map_err(|errors| {
            let fault = |error: &cel::ParseError| Fault {
                at: letters_before(source, error.pos),
                kind: FaultKind::Syntax(first_line(&error.msg)),
            };
            // What follows the first is mostly its consequence.
            errors.errors.first().map(fault).into_iter().collect::<Vec<_>>()
        })?;
        let mut expression = program.expression().clone();
        let mut check =
            Check { source, places: program.source_info(), faults: vec![], uses: vec![], words: vec![], parts: 0 };
        let found = check.any(&mut expression);
        check.want(found, Type::Truth, &expression);
        if check.parts > MOST_PARTS {
            check.fault_at(0, FaultKind::TooManyParts { most: MOST_PARTS });
        } else if check.faults.is_empty() && check.uses.is_empty() {
            check.fault_at(0, FaultKind::Constant);
        }
        let Check { mut faults, mut uses, words, .. } = check;
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.at);
            return Err(faults);
        }
        uses.sort_by_key(|variable| variable.name);
        uses.dedup_by_key(|variable| variable.name);
        Ok(Self { source: source.to_owned(), expression, uses, words })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn expression(&self) -> &IdedExpr {
        &self.expression
    }

    /// What it says of a link whose variables read so.
    pub fn holds(&self, reading: &Reading<'_>, root: &Root) -> Truth {
        let mut scope = root.0.new_inner_scope();
        scope.set_variable_resolver(reading);
        match Cel::resolve(&self.expression, &scope) {
            Ok(Cel::Bool(true)) => Truth::True,
            Ok(Cel::Bool(false)) => Truth::False,
            // The types were checked: only a variable without a value is left.
            Ok(_) | Err(_) => Truth::Unknown,
        }
    }
}

/// Before the compiler sees it, so that no text costs more than a moment.
fn within_bounds(source: &str) -> Result<(), Fault> {
    if let Some((at, _)) = source.chars().enumerate().nth(MOST_LETTERS) {
        return Err(Fault { at, kind: FaultKind::TooLong { most: MOST_LETTERS } });
    }
    let mut depth = 0_usize;
    for (at, letter) in source.chars().enumerate() {
        match letter {
            '(' | '[' | '{' | '?' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MOST_DEPTH {
            return Err(Fault { at, kind: FaultKind::TooDeep { most: MOST_DEPTH } });
        }
    }
    Ok(())
}

/// The compiler counts lines and letters from 1.
fn letters_before(source: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line - 1).unwrap_or(0);
    let before: usize = source.split_inclusive('\n').take(line).map(|line| line.chars().count()).sum();
    (before + usize::try_from(column - 1).unwrap_or(0)).min(source.chars().count())
}

fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = line.strip_prefix("Syntax error: ").unwrap_or(line);
    // The list of everything that could stand here helps nobody.
    line.split(" expecting ").next().unwrap_or_default().to_owned()
}

/// Walks an expression: names, types, and whole numbers made into the decimals that all variables are.
struct Check<'a> {
    source: &'a str,
    places: &'a SourceInfo,
    faults: Vec<Fault>,
    uses: Vec<&'static Variable>,
    words: Vec<Word>,
    parts: usize,
}

impl Check<'_> {
    /// The type of an expression; `None` when it has a fault already.
    fn any(&mut self, expression: &mut IdedExpr) -> Option<Type> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return None;
        }
        let at = self.at(expression.id);
        match &mut expression.expr {
            Expr::Literal(literal) => {
                let number = match literal {
                    LiteralValue::Boolean(_) => return Some(Type::Truth),
                    LiteralValue::String(_) => return Some(Type::Text),
                    LiteralValue::Double(_) => return Some(Type::Number),
                    LiteralValue::Int(whole) => *whole.inner() as f64,
                    LiteralValue::UInt(whole) => *whole.inner() as f64,
                    LiteralValue::Bytes(_) | LiteralValue::Null => {
                        return self.refuse(at, "null");
                    }
                };
                *literal = LiteralValue::Double(CelDouble::from(number));
                Some(Type::Number)
            }
            Expr::Ident(name) => self.name(name, at),
            Expr::Call(call) => self.call(call, at),
            Expr::Select(select) => match &select.operand.expr {
                Expr::Ident(name) if !select.test => {
                    let (name, at) = (format!("{name}.{}", select.field), self.at(select.operand.id));
                    self.name(&name, at)
                }
                _ if select.test => self.refuse(at, "has"),
                _ => self.refuse(at, "."),
            },
            Expr::Comprehension(_) => self.refuse(at, "exists, all, filter, map"),
            Expr::List(_) => self.refuse(at, "[…]"),
            Expr::Map(_) | Expr::Struct(_) => self.refuse(at, "{…}"),
            Expr::Unspecified => self.refuse(at, ""),
        }
    }

    fn call(&mut self, call: &mut CallExpr, at: usize) -> Option<Type> {
        let CallExpr { func_name, target, args } = call;
        match (func_name.as_str(), target, args.as_mut_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, None, parts) => {
                parts.iter_mut().for_each(|part| self.of(part, Type::Truth));
                Some(Type::Truth)
            }
            (
                operators::GREATER | operators::GREATER_EQUALS | operators::LESS | operators::LESS_EQUALS,
                None,
                parts,
            ) => {
                parts.iter_mut().for_each(|part| self.of(part, Type::Number));
                Some(Type::Truth)
            }
            (operators::EQUALS | operators::NOT_EQUALS, None, [one, other]) => {
                let found = self.any(one);
                match found {
                    Some(found) => self.of(other, found),
                    None => _ = self.any(other),
                }
                self.compared(one, other);
                self.compared(other, one);
                Some(Type::Truth)
            }
            (operators::IN, None, [one, IdedExpr { expr: Expr::List(list), .. }]) => {
                let found = self.any(one);
                for element in &mut list.elements {
                    match found {
                        Some(found) => self.of(element, found),
                        None => _ = self.any(element),
                    }
                    if !matches!(element.expr, Expr::Literal(_)) {
                        let at = self.at(element.id);
                        self.refuse(at, "in");
                    }
                    self.compared(one, element);
                }
                Some(Type::Truth)
            }
            (operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::NEGATE, None, parts) => {
                parts.iter_mut().for_each(|part| self.of(part, Type::Number));
                Some(Type::Number)
            }
            (operators::DIVIDE, None, [one, by]) => {
                self.of(one, Type::Number);
                self.of(by, Type::Number);
                if literal_number(by).is_none_or(|number| number == 0.0) {
                    let at = self.at(by.id);
                    self.fault_at(at, FaultKind::Divisor);
                }
                Some(Type::Number)
            }
            (operators::CONDITIONAL, None, [condition, one, other]) => {
                self.of(condition, Type::Truth);
                let found = self.any(one)?;
                self.of(other, found);
                Some(found)
            }
            ("startsWith" | "endsWith" | "contains", Some(target), [part]) => {
                self.of(target, Type::Text);
                self.of(part, Type::Text);
                if !matches!(part.expr, Expr::Literal(_)) {
                    let at = self.at(part.id);
                    self.refuse(at, func_name);
                }
                Some(Type::Truth)
            }
            (name, ..) => {
                let plain = name.trim_matches(|letter| "_@".contains(letter)).to_owned();
                self.refuse(at, &plain)
            }
        }
    }

    fn name(&mut self, name: &str, at: usize) -> Option<Type> {
        let Some(variable) = variables::named(name) else {
            let closest = closest(name, variables::all().iter().map(|variable| variable.name));
            self.fault_at(at, FaultKind::UnknownName { name: name.to_owned(), closest });
            return None;
        };
        self.uses.push(variable);
        Some(match variable.kind {
            Kind::Text(_) => Type::Text,
            Kind::Number(_) => Type::Number,
        })
    }

    /// Notes a word that a variable is compared with.
    fn compared(&mut self, variable: &IdedExpr, word: &IdedExpr) {
        if let (Expr::Ident(name), Expr::Literal(LiteralValue::String(text))) = (&variable.expr, &word.expr)
            && let Some(Variable { kind: Kind::Text(of), .. }) = variables::named(name)
        {
            let at = self.at(word.id);
            self.words.push(Word { of: *of, text: text.inner().to_owned(), at });
        }
    }

    fn of(&mut self, expression: &mut IdedExpr, wanted: Type) {
        let found = self.any(expression);
        self.want(found, wanted, expression);
    }

    fn want(&mut self, found: Option<Type>, wanted: Type, expression: &IdedExpr) {
        if let Some(found) = found.filter(|found| *found != wanted) {
            let at = self.at(expression.id);
            self.fault_at(at, FaultKind::WrongType { found, wanted });
        }
    }

    fn refuse(&mut self, at: usize, what: &str) -> Option<Type> {
        self.fault_at(at, FaultKind::NotAvailable(what.to_owned()));
        None
    }

    fn fault_at(&mut self, at: usize, kind: FaultKind) {
        self.faults.push(Fault { at, kind });
    }

    /// Letters before a part of the expression; the compiler counts bytes.
    fn at(&self, id: u64) -> usize {
        let bytes = self.places.offset_for(id).map_or(0, |(start, _)| start as usize);
        self.source.get(..bytes).map_or(0, |before| before.chars().count())
    }
}

/// The number that an expression is, sign included.
pub(super) fn literal_number(expression: &IdedExpr) -> Option<f64> {
    match &expression.expr {
        Expr::Literal(LiteralValue::Double(number)) => Some(*number.inner()),
        Expr::Call(CallExpr { func_name, args, .. }) if func_name == operators::NEGATE => {
            args.first().and_then(literal_number).map(|number| -number)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::variables::Value, *};

    fn faults(source: &str) -> Vec<(usize, FaultKind)> {
        Condition::compile(source).unwrap_err().into_iter().map(|fault| (fault.at, fault.kind)).collect()
    }

    fn holds(source: &str, values: &[(&'static str, Value<'static>)]) -> Truth {
        let condition = Condition::compile(source).unwrap_or_else(|faults| panic!("{source}: {faults:?}"));
        let value = |name| values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let values = condition.uses.iter().map(|variable| (variable.name, value(variable.name))).collect();
        condition.holds(&Reading { values }, &Root::default())
    }

    #[test]
    fn whole_numbers_are_decimals_and_words_are_compared_as_they_stand() {
        let values = [("loss_1m", Value::Number(0.06)), ("kind", Value::Text("private"))];
        for (source, expected) in [
            ("loss_1m > 0.05", Truth::True),
            ("loss_1m * 100 > 5 && kind == 'private'", Truth::True),
            ("loss_1m / 2 > -1", Truth::True),
            ("kind in ['internet', 'dark_fibre']", Truth::False),
            ("(kind == 'internet' ? 0.01 : 0.1) < loss_1m", Truth::False),
            ("kind.startsWith('priv')", Truth::True),
        ] {
            assert_eq!(holds(source, &values), expected, "{source}");
        }
    }

    #[test]
    fn what_has_no_value_is_unknown_unless_the_rest_decides() {
        let values = [("kind", Value::Text("private"))];
        for (source, expected) in [
            ("loss_1m > 0.05", Truth::Unknown),
            ("!(loss_1m > 0.05)", Truth::Unknown),
            ("loss_1m > 0.05 && kind == 'internet'", Truth::False),
            ("loss_1m > 0.05 || kind == 'private'", Truth::True),
            ("loss_1m in [0, 1]", Truth::Unknown),
        ] {
            assert_eq!(holds(source, &values), expected, "{source}");
        }
    }

    #[test]
    fn every_fault_has_its_place_in_letters() {
        use FaultKind::*;
        let unknown = |name: &str, closest| UnknownName { name: name.into(), closest };
        assert_eq!(faults("a_end == '许昌' && los_1m > 1"), [(17, unknown("los_1m", Some("loss_1m")))]);
        assert_eq!(faults("link.carrier == 'a' || zzz > 1").len(), 2);
        assert_eq!(faults("loss_1m > '5'"), [(10, WrongType { found: Type::Text, wanted: Type::Number })]);
        assert_eq!(faults("loss_1m + 1"), [(8, WrongType { found: Type::Number, wanted: Type::Truth })]);
        assert_eq!(faults("1 < 2"), [(0, Constant)]);
        assert_eq!(faults("loss_1m / lost_1m > 1"), [(10, Divisor)]);
        assert_eq!(faults("loss_1m > 0.05 &&\n  ")[0].0, 20);
        assert_eq!(faults("[1].exists(x, x > 1) && size(link) > 1").len(), 2);
        assert_eq!(faults(&"(".repeat(20))[0], (16, TooDeep { most: 16 }));
        assert_eq!(faults(&"x".repeat(2_000))[0], (1_000, TooLong { most: 1_000 }));
        let long = vec!["loss_1m>1"; 70].join("||");
        assert_eq!(faults(&long), [(0, TooManyParts { most: 200 })]);
    }

    #[test]
    fn words_are_kept_for_whoever_knows_the_inventory() {
        let condition = Condition::compile("carrier in ['a', 'b'] && 'x' == state").unwrap();
        let words: Vec<_> = condition.words.iter().map(|word| (word.text.as_str(), word.at)).collect();
        assert_eq!(words, [("a", 12), ("b", 17), ("x", 25)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn no_text_brings_it_down(text in "\\PC{0,60}") {
            let _ = Condition::compile(&text);
        }

        #[test]
        fn nothing_that_looks_like_a_condition_brings_it_down(
            words in prop::collection::vec(
                prop::sample::select(vec![
                    "loss_1m", "kind", "'a'", "1", "-", "!", "(", ")", "[", "]", "?", ":", "&&", "||", ">", "==", "in",
                    "+", "/", ".", ",", "has", "exists", "\"", "\\", "0x", "1e999", "9999999999999999999999", "{", "}",
                ]),
                0..30,
            )
        ) {
            if let Ok(condition) = Condition::compile(&words.join(" ")) {
                let reading = Reading { values: condition.uses.iter().map(|of| (of.name, None)).collect() };
                condition.holds(&reading, &Root::default());
            }
        }
    }
}

//! What can stand at a place of a filter's text: fields, operators, values and joining words.
//!
//! Pure, and lenient where [`super::parser`] is strict: text before the place may be wrong, and is then passed over.
//! The catalogue is the one that the server serves, so that nothing is offered that it does not know.

use super::scanner::Scanner;
use scm_protocol::rules::{FieldCatalogue, FieldDescription, Operator, nearest};

/// Something that can be put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub hint: String,
    /// What is put in, with the space or parenthesis that follows it.
    pub text: String,
}

/// What can stand at a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Where the word at the place begins, in characters from 0; candidates take the place of the text from there.
    pub from: usize,
    /// What can be put in, in the order of the catalogue.
    pub candidates: Vec<Candidate>,
    /// What is expected where nothing can be enumerated.
    pub expected: Option<String>,
    /// Where a condition begins that is no condition yet, in characters from 0: what stands before holds whatever follows.
    pub unfinished: Option<usize>,
    /// The text asks for it by itself: a word was begun, or a field or an operator stands before.
    pub wanted: bool,
}

/// What can stand at `cursor`, which counts characters from 0; text behind it is left alone.
pub fn complete(text: &str, cursor: usize, catalogue: &FieldCatalogue) -> Completion {
    let before: String = text.chars().take(cursor).collect();
    let mut reader = Reader {
        scanner: Scanner::new(&before),
        end: cursor.min(before.chars().count()),
        term: 0,
        ends_in_space: before.ends_with(char::is_whitespace),
        catalogue,
    };
    let mut place = Place::Term;
    loop {
        place = match reader.step(place) {
            Ok(next) => next,
            Err(completion) => return completion,
        };
    }
}

/// What is expected next.
#[derive(Clone, Copy)]
enum Place<'c> {
    /// A condition, a word, `not` or `(`.
    Term,
    /// What compares a field, or the next term where the name was a word to look for.
    Comparison(&'c FieldDescription),
    /// A word that compares a field, behind `not`.
    Negated(&'c FieldDescription),
    /// A value.
    Value(&'c FieldDescription, Operator),
    /// `(` before a list.
    List(&'c FieldDescription, Operator),
    /// A value of a list.
    Item(&'c FieldDescription, Operator),
    /// `,` or `)`.
    NextItem(&'c FieldDescription, Operator),
    /// Something that joins, or the next term.
    Join,
}

struct Reader<'a> {
    scanner: Scanner<'a>,
    /// Characters of the text before the place.
    end: usize,
    /// Where the condition that is being read began.
    term: usize,
    ends_in_space: bool,
    catalogue: &'a FieldCatalogue,
}

type Next<'c> = Result<Place<'c>, Completion>;

impl<'a> Reader<'a> {
    /// Reads on, or answers with what can stand at the end.
    fn step(&mut self, place: Place<'a>) -> Next<'a> {
        let begins = self.scanner.column() - 1;
        let at_end = self.scanner.peek().is_none();
        match place {
            Place::Term | Place::Join => self.term(begins, at_end, matches!(place, Place::Join)),
            Place::Comparison(field) => self.comparison(field, begins, false),
            Place::Negated(field) => self.comparison(field, begins, true),
            Place::List(field, operator) => {
                if at_end {
                    return Err(self.offer(vec![plain("(", "begins the list", "(")], true));
                }
                if self.scanner.take("(") {
                    return Ok(Place::Item(field, operator));
                }
                self.skip()
            }
            Place::Value(field, operator) | Place::Item(field, operator) => {
                self.value(field, operator, begins, matches!(place, Place::Item(..)))
            }
            Place::NextItem(field, operator) => {
                if at_end {
                    let more = [plain(",", "one more", ", "), plain(")", "ends the list", ") ")];
                    return Err(self.offer(more.to_vec(), false));
                }
                if self.scanner.take(",") {
                    return Ok(Place::Item(field, operator));
                }
                self.scanner.take(")");
                Ok(Place::Join)
            }
        }
    }

    fn term(&mut self, begins: usize, at_end: bool, joins: bool) -> Next<'a> {
        if at_end {
            return Err(self.offer(self.terms("", joins), false));
        }
        if self.scanner.take("(") {
            return Ok(Place::Term);
        }
        if self.scanner.take(")") {
            return Ok(Place::Join);
        }
        let Ok(Some(word)) = self.scanner.name() else {
            return self.skip();
        };
        if word.quoted {
            return Ok(Place::Join);
        }
        self.term = begins;
        if self.is_unfinished() {
            let candidates = self.terms(&word.text, joins);
            let unfinished = (!candidates.is_empty()).then_some(begins);
            return Err(Completion {
                unfinished,
                ..self.begun(&word.text, candidates, begins)
            });
        }
        let is = |keyword: &str| word.text.eq_ignore_ascii_case(keyword);
        if is("not") || joins && (is("and") || is("or")) {
            return Ok(Place::Term);
        }
        let field = self.catalogue.items.iter().find(|field| field.name == word.text);
        Ok(field.map_or(Place::Join, Place::Comparison))
    }

    fn comparison(&mut self, field: &'a FieldDescription, begins: usize, negated: bool) -> Next<'a> {
        if self.scanner.peek().is_none() {
            return Err(self.compared(self.offer(operators(field, "", negated), true)));
        }
        if let Some((symbol, operator)) = self.symbol(field).filter(|_| !negated) {
            self.scanner.take(symbol);
            let longer = field
                .operators
                .iter()
                .any(|other| other.symbol().starts_with(symbol) && other.symbol() != symbol);
            if self.scanner.peek().is_none() && !self.ends_in_space && longer {
                return Err(self.compared(self.begun(symbol, operators(field, symbol, false), begins)));
            }
            return Ok(Place::Value(field, operator));
        }
        let mut ahead = self.scanner;
        if ahead.take_keyword("not") && (ahead.peek().is_some() || self.ends_in_space) {
            self.scanner = ahead;
            return Ok(Place::Negated(field));
        }
        let Ok(Some(word)) = self.scanner.name() else {
            return self.skip();
        };
        if self.is_unfinished() {
            return Err(self.compared(self.begun(&word.text, operators(field, &word.text, negated), begins)));
        }
        let known = word.text.to_lowercase().parse::<Operator>();
        Ok(match known {
            Ok(operator) if operator.takes_list() => Place::List(field, operator),
            Ok(operator) => Place::Value(field, operator),
            // A word to look for, and what joins it to the next.
            Err(_) => Place::Term,
        })
    }

    /// The longest symbol that is next, and what it means for the field.
    fn symbol(&mut self, field: &FieldDescription) -> Option<(&'static str, Operator)> {
        const SYMBOLS: [&str; 9] = ["!=", "!~", "<=", ">=", "==", "=", "~", "<", ">"];
        let mut ahead = self.scanner;
        let symbol = SYMBOLS.into_iter().find(|symbol| ahead.take(symbol))?;
        let meant = match symbol {
            "==" => "=",
            "!~" => "~",
            other => other,
        };
        let operator = field.operators.iter().find(|operator| operator.symbol() == meant);
        Some((symbol, operator.copied().unwrap_or(Operator::Equals)))
    }

    fn value(
        &mut self,
        field: &'a FieldDescription,
        operator: Operator,
        begins: usize,
        in_list: bool,
    ) -> Next<'a> {
        let word = match self.scanner.value() {
            Ok(Some(word)) if self.is_unfinished() && !word.quoted => word.text,
            Ok(Some(_)) if in_list => return Ok(Place::NextItem(field, operator)),
            Ok(Some(_)) => return Ok(Place::Join),
            Ok(None) if self.scanner.peek().is_some() => return self.skip(),
            Ok(None) => String::new(),
            // A quote is still open: what stands in it is the reader's own.
            Err(_) => {
                return Err(Completion {
                    expected: Some(expected(field)),
                    ..self.offer(Vec::new(), true)
                });
            }
        };
        let lower = word.to_lowercase();
        let fits = field.values.iter().filter(|value| value.starts_with(&lower));
        let end = if in_list { "" } else { " " };
        let candidates: Vec<Candidate> = fits
            .map(|value| plain(value, "", &format!("{value}{end}")))
            .collect();
        let mut completion = if word.is_empty() {
            self.offer(candidates, true)
        } else {
            self.begun(&word, candidates, begins)
        };
        completion.expected = field.values.is_empty().then(|| expected(field));
        Err(completion)
    }

    /// Fields, `not`, and behind a term what joins it to the next.
    fn terms(&self, word: &str, joins: bool) -> Vec<Candidate> {
        let mut all: Vec<Candidate> = Vec::new();
        if joins {
            all.push(plain("and", "both sides must hold", "and "));
            all.push(plain("or", "one side must hold", "or "));
        }
        let fields = self.catalogue.items.iter();
        all.extend(fields.map(|field| plain(&field.name, &field.hint, &format!("{} ", field.name))));
        all.push(plain("not", "what follows must not hold", "not "));
        let lower = word.to_lowercase();
        let begun: Vec<Candidate> = all
            .iter()
            .filter(|candidate| candidate.name.starts_with(&lower))
            .cloned()
            .collect();
        if !begun.is_empty() || word.chars().count() < MEANT_CHARS {
            return begun;
        }
        // Nothing begins like that: what was probably meant.
        let meant = nearest(word, all.iter().map(|candidate| candidate.name.as_str())).map(str::to_owned);
        all.into_iter()
            .filter(|candidate| meant.as_deref() == Some(candidate.name.as_str()))
            .collect()
    }

    /// The word that was just read reaches to the place: it is still being typed.
    fn is_unfinished(&mut self) -> bool {
        !self.ends_in_space && self.scanner.peek().is_none()
    }

    /// Passes over what cannot be there.
    fn skip(&mut self) -> Next<'a> {
        if self.scanner.skip_one() {
            Ok(Place::Join)
        } else {
            Err(self.offer(Vec::new(), false))
        }
    }

    /// A field stands there, and what compares it is still being typed.
    fn compared(&self, completion: Completion) -> Completion {
        Completion {
            unfinished: Some(self.term),
            ..completion
        }
    }

    fn offer(&self, candidates: Vec<Candidate>, wanted: bool) -> Completion {
        Completion {
            from: self.end,
            candidates,
            expected: None,
            unfinished: None,
            wanted,
        }
    }

    /// For a word that was begun; one that is complete already offers nothing.
    fn begun(&self, word: &str, candidates: Vec<Candidate>, from: usize) -> Completion {
        let complete = matches!(candidates.as_slice(), [only] if only.name == word);
        Completion {
            from,
            candidates,
            expected: None,
            unfinished: None,
            wanted: !complete,
        }
    }
}

/// From so many characters on a word is compared with the names that it could have been meant for.
const MEANT_CHARS: usize = 4;

fn plain(name: &str, hint: &str, text: &str) -> Candidate {
    Candidate {
        name: name.to_owned(),
        hint: hint.to_owned(),
        text: text.to_owned(),
    }
}

fn expected(field: &FieldDescription) -> String {
    format!("{}, as {}", field.hint, field.example)
}

/// The field's operators as a filter writes them, those that begin with what was typed.
/// Behind `not` only words, and those that are not negated themselves.
fn operators(field: &FieldDescription, typed: &str, negated: bool) -> Vec<Candidate> {
    let typed = typed.to_lowercase();
    let fits = field.operators.iter().filter(|operator| {
        let can_be = !negated || operator.symbol() == operator.as_str() && !operator.is_negated();
        can_be && (operator.symbol().starts_with(&typed) || operator.as_str().starts_with(&typed))
    });
    fits.map(|operator| {
        let symbol = operator.symbol();
        let hint = if symbol == operator.as_str() {
            ""
        } else {
            operator.as_str()
        };
        let end = if operator.takes_list() { " (" } else { " " };
        plain(symbol, hint, &format!("{symbol}{end}"))
    })
    .collect()
}

//! The one pass over the text: every literal of every rule at once, by Aho-Corasick.
//!
//! A table-driven automaton waits for each look-up before it can start the next, and looks up all over a table of
//! megabytes. That holds the crate's own search at 0.4 GB/s. So the automaton it builds is laid out anew: two bytes for
//! a transition, a column for each byte, and in each column the states next to the root first, where ordinary text stays,
//! so that they fit the nearest cache; columns so long that no state can lie beyond, of which only the beginnings are ever
//! touched and take memory; and four stretches of the text are walked side by side, each far enough
//! into the next to see a literal that begins in its own. What it costs does not depend on what the text says.

use std::ops::Range;

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use hashbrown::HashMap;

/// How many bytes each of the four walks goes before it is asked whether a literal ended.
const BLOCK: usize = 8;

/// The length of a column: every state there can be, and as much more as keeps the beginnings of columns apart in a cache
/// that finds them by the low bits of their address.
const COLUMN: usize = (1 << 16) + 160;

/// The automata of all literals. ASCII letters match in either case.
pub(super) struct Sweep {
    /// Literals that are all ASCII, for text that is.
    ascii: Table,
    /// Everything, for other text.
    all: Table,
}

/// A literal that was met: its number, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) literal: u32,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Sweep {
    /// # Errors
    /// When the automaton becomes too large, in words.
    pub(super) fn new<L: AsRef<str>>(literals: &[L]) -> Result<Self, String> {
        let numbered = || (0u32..).zip(literals.iter().map(AsRef::as_ref));
        Ok(Self {
            ascii: Table::new(numbered().filter(|(_, literal)| literal.is_ascii()))?,
            all: Table::new(numbered())?,
        })
    }

    /// Bytes that the automata take.
    pub(super) fn memory(&self) -> usize {
        self.ascii.memory() + self.all.memory()
    }

    /// Reports every literal in `text`, overlapping ones included, in no particular order.
    pub(super) fn run(&self, text: &str, report: impl FnMut(Hit)) {
        let table = if text.is_ascii() { &self.ascii } else { &self.all };
        table.run(text.as_bytes(), report);
    }
}

/// A deterministic automaton. State 0 is the root. One bit is set in the numbers of those states, and of no others, in
/// which a literal ends, so that four states are asked at once.
struct Table {
    /// For each byte, the next state of every state. A byte that stands in no literal leads to the root.
    next: Box<[[u16; COLUMN]; 256]>,
    /// The bit of states in which a literal ends; also the number of the first of them.
    match_bit: u16,
    /// For each state from `match_bit` on: the literals that end there, with their lengths.
    ending: Vec<Vec<(u32, usize)>>,
    longest: usize,
    /// How many columns are used, and how much of each.
    columns: usize,
    height: usize,
}

impl Table {
    fn memory(&self) -> usize {
        2 * self.columns * self.height
    }

    fn new<'l>(literals: impl Iterator<Item = (u32, &'l str)>) -> Result<Self, String> {
        let (numbers, literals): (Vec<u32>, Vec<&str>) = literals.unzip();
        let nfa = NFA::builder()
            .ascii_case_insensitive(true)
            .prefilter(false)
            .build(&literals)
            .map_err(|error| error.to_string())?;
        let (columns, samples) = columns(&literals);
        let Reached { order, next: reached } = Reached::from_root(&nfa, &samples);
        let (ends, others): (Vec<usize>, Vec<usize>) =
            (0..order.len()).partition(|index| nfa.is_match(order[*index]));
        let too_many = || format!("{} states, of at most 32768", order.len());
        let match_bit = u16::try_from(others.len().next_power_of_two()).map_err(|_| too_many())?;
        if ends.len() > usize::from(match_bit) {
            return Err(too_many());
        }
        let mut places = vec![0; order.len()];
        for (place, index) in (0..).zip(&others).chain((match_bit..).zip(&ends)) {
            places[*index] = place;
        }
        let height = usize::from(match_bit) + ends.len();
        // Not written where it is zero, so that the system gives no memory for it.
        let next = vec![[0; COLUMN]; 256].into_boxed_slice();
        let Ok(mut next): Result<Box<[[u16; COLUMN]; 256]>, _> = next.try_into() else {
            unreachable!("there are 256 columns")
        };
        for (place, reached) in places.iter().zip(reached.chunks_exact(samples.len())) {
            for (column, sample) in next.iter_mut().zip(columns) {
                match places[reached[usize::from(sample)]] {
                    0 => {}
                    reached => column[usize::from(*place)] = reached,
                }
            }
        }
        let ending = ends.iter().map(|index| {
            let state = order[*index];
            let patterns = (0..nfa.match_len(state)).map(|index| nfa.match_pattern(state, index));
            patterns.map(|pattern| (numbers[pattern.as_usize()], nfa.pattern_len(pattern))).collect()
        });
        Ok(Self {
            next,
            columns: columns.iter().filter(|sample| **sample > 0).count(),
            height,
            match_bit,
            ending: ending.collect(),
            longest: literals.iter().map(|literal| literal.len()).max().unwrap_or(1),
        })
    }

    #[inline(always)]
    fn step(&self, state: u16, byte: u8) -> u16 {
        self.next[usize::from(byte)][usize::from(state)]
    }

    fn run(&self, text: &[u8], mut report: impl FnMut(Hit)) {
        // Below this the four walks would mostly walk the same bytes.
        if text.len() < 3 * self.longest {
            self.walk(0, text, 0..text.len(), 0..text.len(), &mut report);
            return;
        }
        // A literal belongs to the stretch in which it begins. All four walks are of one length, and the last one
        // ends with the text.
        let step = (text.len() - (self.longest - 1)) / 4;
        let length = text.len() - 3 * step;
        let walks = [0, 1, 2, 3].map(|lane| lane * step);
        let stretch = |begin: usize| begin..if begin < 3 * step { begin + step } else { text.len() };
        let [one, two, three, four] = walks.map(|begin| text[begin..begin + length].as_chunks::<BLOCK>().0);
        let [mut a, mut b, mut c, mut d] = [0; 4];
        for (block, (((w, x), y), z)) in one.iter().zip(two).zip(three).zip(four).enumerate() {
            let before = [a, b, c, d];
            let mut met = 0;
            for at in 0..BLOCK {
                a = self.step(a, w[at]);
                b = self.step(b, x[at]);
                c = self.step(c, y[at]);
                d = self.step(d, z[at]);
                met |= a | b | c | d;
            }
            if met & self.match_bit != 0 {
                for (state, begin) in before.into_iter().zip(walks) {
                    let from = begin + block * BLOCK;
                    self.walk(state, text, from..from + BLOCK, stretch(begin), &mut report);
                }
            }
        }
        let rest = length - length % BLOCK;
        for (state, begin) in [a, b, c, d].into_iter().zip(walks) {
            self.walk(state, text, begin + rest..begin + length, stretch(begin), &mut report);
        }
    }

    /// Walks the bytes of `range` from `state` on, and reports the literals that end there and begin in `stretch`.
    #[inline(never)]
    fn walk(
        &self,
        mut state: u16,
        text: &[u8],
        range: Range<usize>,
        stretch: Range<usize>,
        report: &mut impl FnMut(Hit),
    ) {
        for (end, byte) in (range.start + 1..).zip(&text[range]) {
            state = self.step(state, *byte);
            if state & self.match_bit != 0 {
                self.tell(state, end, &stretch, report);
            }
        }
    }

    /// Reports the literals that end here and begin in `stretch`.
    #[cold]
    fn tell(&self, state: u16, end: usize, stretch: &Range<usize>, report: &mut impl FnMut(Hit)) {
        let Some(index) = state.checked_sub(self.match_bit) else { return };
        for (literal, length) in &self.ending[usize::from(index)] {
            let start = end - length;
            if stretch.contains(&start) {
                report(Hit { literal: *literal, start, end });
            }
        }
    }
}

/// The column of each byte, and one byte of each column. Bytes that stand in no literal share the first.
fn columns(literals: &[&str]) -> ([u8; 256], Vec<u8>) {
    let mut used = [false; 256];
    literals.iter().flat_map(|literal| literal.bytes()).for_each(|byte| {
        used[usize::from(byte.to_ascii_lowercase())] = true;
    });
    let mut column = [0; 256];
    let mut samples = Vec::new();
    // 0xFF never stands in UTF-8.
    samples.push(0xFF);
    for byte in (0..=u8::MAX).filter(|byte| used[usize::from(*byte)]) {
        let number = u8::try_from(samples.len()).expect("at most 230 bytes stand in UTF-8 without capitals");
        column[usize::from(byte)] = number;
        column[usize::from(byte.to_ascii_uppercase())] = number;
        samples.push(byte);
    }
    (column, samples)
}

/// The states that can be reached, the root first and then by their distance from it.
struct Reached {
    order: Vec<StateID>,
    /// For each of them and each column: where in `order` the next state stands.
    next: Vec<usize>,
}

impl Reached {
    fn from_root(nfa: &NFA, samples: &[u8]) -> Self {
        let root = nfa.start_state(Anchored::No).expect("the automaton searches without an anchor");
        let mut order = vec![root];
        let mut indices: HashMap<StateID, usize> = HashMap::from([(root, 0)]);
        let mut next = Vec::new();
        let mut at = 0;
        while let Some(&state) = order.get(at) {
            for sample in samples {
                let state = nfa.next_state(Anchored::No, state, *sample);
                next.push(*indices.entry(state).or_insert_with(|| {
                    order.push(state);
                    order.len() - 1
                }));
            }
            at += 1;
        }
        Self { order, next }
    }
}

//! Measuring in turn.

use std::sync::OnceLock;
use std::time::Duration;

static METER: OnceLock<fn() -> u64> = OnceLock::new();

/// What is measured: nanoseconds of this thread, unless a program said otherwise.
pub fn meter() -> u64 {
    METER.get().map_or_else(nanoseconds, |meter| meter())
}

/// What this thread has computed so far. While another process has the core, it stands still.
#[cfg(unix)]
fn nanoseconds() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The time on the wall, where a thread cannot be asked.
#[cfg(not(unix))]
fn nanoseconds() -> u64 {
    static BEGUN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    BEGUN.elapsed().as_nanos() as u64
}

/// Measures something else than time in this program: allocations.
pub fn measure_by(meter: fn() -> u64) {
    METER.set(meter).expect("it is said once");
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How often each case has its turn.
    pub rounds: usize,
    /// How long a turn takes, about.
    pub turn: Duration,
    /// Whether this only tries that everything still runs.
    pub quick: bool,
}

impl Effort {
    /// As the command line or the environment says: `--quick` or `BENCH_QUICK=1` only tries that everything runs.
    pub fn asked() -> Self {
        let by_variable = std::env::var("BENCH_QUICK").is_ok_and(|value| !value.is_empty() && value != "0");
        if by_variable || std::env::args().any(|argument| argument == "--quick") {
            return Self { rounds: 5, turn: Duration::from_micros(300), quick: true };
        }
        Self { rounds: 101, turn: Duration::from_millis(3), quick: false }
    }

    /// One of two numbers: a small one where this is only a try.
    pub fn pick<T>(self, quick: T, whole: T) -> T {
        if self.quick { quick } else { whole }
    }
}

/// Something to measure.
pub struct Case<'a> {
    /// What the table calls it.
    pub name: String,
    /// How often it can be done in one turn.
    most: usize,
    /// Does it so often and answers what the meter ran on: what has to be prepared is not counted.
    turn: Box<dyn FnMut(usize) -> u64 + 'a>,
}

impl<'a> Case<'a> {
    /// Something that needs no preparation between two turns.
    pub fn new(name: &str, mut once: impl FnMut() + 'a) -> Self {
        Self::prepared(name, usize::MAX, move |times| {
            let begun = meter();
            for _ in 0..times {
                once();
            }
            meter() - begun
        })
    }

    /// Something that prepares itself and measures the rest, at most so many times in one turn.
    pub fn prepared(name: &str, most: usize, turn: impl FnMut(usize) -> u64 + 'a) -> Self {
        Self { name: name.to_owned(), most, turn: Box::new(turn) }
    }

    /// Does it so often.
    pub fn run(&mut self, times: usize) -> u64 {
        (self.turn)(times)
    }
}

/// The nanoseconds that a case took each time, in each round.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The case.
    pub name: String,
    /// One figure a round.
    pub rounds: Vec<f64>,
}

impl Taken {
    /// The median over all rounds.
    pub fn median(&self) -> f64 {
        quantile(&self.rounds, 0.5)
    }

    /// The median of what it took longer than `base` in the same round.
    pub fn over(&self, base: &Self) -> f64 {
        let more: Vec<_> = self.rounds.iter().zip(&base.rounds).map(|(one, other)| one - other).collect();
        quantile(&more, 0.5)
    }
}

/// Measures all cases in turn: each round asks each once, beginning with another one each time, so that what disturbs the
/// machine for a while disturbs them alike.
pub fn measure(effort: Effort, cases: &mut [Case<'_>]) -> Vec<Taken> {
    let times: Vec<_> = cases.iter_mut().map(|case| calibrate(case, effort.turn)).collect();
    let mut taken: Vec<_> = cases.iter().map(|case| Taken { name: case.name.clone(), rounds: Vec::new() }).collect();
    for round in 0..effort.rounds {
        for place in 0..cases.len() {
            let at = (place + round) % cases.len();
            let nanos = cases[at].run(times[at]) as f64 / times[at] as f64;
            taken[at].rounds.push(nanos);
        }
    }
    taken
}

/// How often a case can be done in a turn; trying it out is also what warms it up.
fn calibrate(case: &mut Case<'_>, turn: Duration) -> usize {
    let mut times = 1;
    loop {
        // The shorter of three: work in the background may fall into one.
        let took = (0..3).map(|_| case.run(times)).min().unwrap_or_default();
        let took = Duration::from_nanos(took);
        if took >= turn / 2 || times >= case.most {
            let fits = turn.as_secs_f64() / took.as_secs_f64().max(1e-9) * times as f64;
            return (fits as usize).clamp(1, case.most);
        }
        times = (times * 2).min(case.most);
    }
}

/// The value below which that part of the figures lies.
pub fn quantile(figures: &[f64], part: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * part).round() as usize).copied().unwrap_or(f64::NAN)
}

//! A search of the protocol as it is implemented: `hoped_for`, `decide` and `Swap::apply` are called, not written
//! again.
//!
//! 1. [`server`] asks them as `Sessions` does. [`Rules`](server::Rules) can have one rule changed, for
//!    [`mutants`]: a search that finds nothing wrong with a wrong rule proves nothing.
//! 2. [`world`] is what a state is: the row, what a failover would fall back to, the jar, what travels, what the thief
//!    holds. [`numbers`] makes one of all worlds that no rule tells apart. So the number of refreshes, of lost answers
//!    and of failovers has no bound, and the search still ends.
//! 3. [`honest`], [`thief`] and [`store`] are what may happen; [`properties`] what may not.
//! 4. [`search`] has the bounds, and the tests.
//!
//! Time is ticks, and W is one to three of them. It is the store's: no server's clock decides anything. The idle and
//! the absolute end are never reached here; the table's tests have them.
//!
//! The honest client is promised something as long as its access tokens are confirmed within W of their first use. The
//! search does not need that: here they are confirmed at any time, late, again, or never.

mod honest;
mod mutants;
mod numbers;
mod properties;
mod protocol;
mod search;
mod server;
mod store;
mod thief;
mod world;

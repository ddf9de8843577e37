//! From SQLite to PostgreSQL: a copy of every table into an empty database, verified before it counts.
//!
//! Invariants: the SQLite file is only read, and nobody else has it open meanwhile; the PostgreSQL database holds everything
//! or nothing, because all is one transaction; rows are compared by number and by hash as both databases give them back;
//! ids go on where they were, so that none is used again.

mod check;
pub mod command;
mod copy;
mod sum;
mod table;
mod table_store;

//! What commands print.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Prints a line. A reader that has heard enough (`scmserver packages list | head -1`) is no error; that it could not be
/// written for another reason is told where errors are.
pub fn line(text: Arguments<'_>) {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => eprintln!("scmserver: printing: {error}"),
        _ => {}
    }
}

/// As `println!`, which ends the program when nobody reads; see [`line()`].
#[macro_export]
macro_rules! say {
    ($($part:tt)*) => {
        $crate::say::line(format_args!($($part)*))
    };
}

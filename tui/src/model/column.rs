//! Columns of the systems list, behind state and host name.

use super::sort::{Sort, SortBy};
use scm_protocol::rules::Field;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "each is described by its `text`, which the chooser shows"
)]
pub enum Column {
    Cpu,
    Memory,
    Disk,
    Uptime,
    Seen,
    Version,
    Address,
    Os,
    Arch,
    Id,
    FirstSeen,
    Containers,
    Tags,
}

impl Column {
    /// Every column, in the order in which they stand.
    pub const ALL: [Column; 13] = [
        Self::Id,
        Self::Address,
        Self::Os,
        Self::Arch,
        Self::Cpu,
        Self::Memory,
        Self::Disk,
        Self::Uptime,
        Self::Containers,
        Self::FirstSeen,
        Self::Seen,
        Self::Version,
        Self::Tags,
    ];

    /// What is shown where nothing was chosen.
    pub const USUAL: [Column; 6] = [
        Self::Cpu,
        Self::Memory,
        Self::Disk,
        Self::Uptime,
        Self::Seen,
        Self::Version,
    ];

    /// Its name where it is kept.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Uptime => "uptime",
            Self::Seen => "seen",
            Self::Version => "version",
            Self::Address => "address",
            Self::Os => "os",
            Self::Arch => "arch",
            Self::Id => "id",
            Self::FirstSeen => "first_seen",
            Self::Containers => "containers",
            Self::Tags => "tags",
        }
    }

    /// The column of that name.
    pub fn named(name: &str) -> Option<Column> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    /// What stands above it.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "MEM GB",
            Self::Disk => "DISK GB",
            Self::Uptime => "UP",
            Self::Seen => "SEEN",
            Self::Version => "AGENT",
            Self::Address => "ADDRESS",
            Self::Os => "SYSTEM",
            Self::Arch => "ARCH",
            Self::Id => "ID",
            Self::FirstSeen => "FIRST",
            Self::Containers => "CT",
            Self::Tags => "TAGS",
        }
    }

    /// What it is.
    pub fn text(self) -> &'static str {
        match self {
            Self::Cpu => "CPU in use, in percent",
            Self::Memory => "memory in use and in all, in GB",
            Self::Disk => "root volume in use and in all, in GB",
            Self::Uptime => "how long ago the machine booted",
            Self::Seen => "how long ago it was heard of",
            Self::Version => "version of the agent",
            Self::Address => "the address that the server sees",
            Self::Os => "name of the operating system",
            Self::Arch => "processor architecture",
            Self::Id => "the system's id",
            Self::FirstSeen => "how long ago it was first heard of",
            Self::Containers => "running containers",
            Self::Tags => "tags",
        }
    }

    /// Columns of the screen that it takes, with the space before it.
    pub fn width(self) -> usize {
        match self {
            Self::Cpu => 5,
            Self::Memory | Self::Disk => 10,
            Self::Uptime => 9,
            Self::Seen => 6,
            Self::Version | Self::Arch | Self::Id => 8,
            Self::FirstSeen => 7,
            Self::Containers => 4,
            Self::Address => 16,
            Self::Os | Self::Tags => 20,
        }
    }

    /// Text begins at the left, numbers end at the right.
    pub fn is_left(self) -> bool {
        matches!(self, Self::Address | Self::Os | Self::Arch | Self::Tags)
    }

    /// Whether a list in this order is in the order of this column.
    pub fn is_sorted(self, sort: Sort) -> bool {
        let field = match sort.by {
            SortBy::Field(field) => field,
            SortBy::Own | SortBy::State => return false,
        };
        match self {
            Self::Cpu => field == Field::CpuPercent,
            Self::Memory => matches!(field, Field::MemUsedPercent | Field::MemTotalMb),
            Self::Disk => matches!(field, Field::DiskUsedPercent | Field::DiskTotalGb),
            Self::Uptime => field == Field::UptimeSecs,
            Self::Seen => field == Field::LastSeenSecs,
            Self::Version => field == Field::Ver,
            Self::Address => field == Field::Ip,
            Self::Os => field == Field::Os,
            Self::Arch => field == Field::Arch,
            Self::Id => field == Field::Id,
            Self::FirstSeen => field == Field::FirstSeenSecs,
            Self::Containers => field == Field::ContainerCount,
            Self::Tags => false,
        }
    }

    /// Those of `chosen` that leave at least `name` columns for the host name on a screen of `width`, from the left.
    pub fn fitting(chosen: &[Column], width: usize, name: usize) -> Vec<Column> {
        let mut room = width.saturating_sub(name);
        let mut taken = Vec::new();
        for column in Self::ALL.into_iter().filter(|column| chosen.contains(column)) {
            if column.width() > room {
                break;
            }
            room -= column.width();
            taken.push(column);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_name_of_its_own_and_its_heading_fits_with_a_marker() {
        for column in Column::ALL {
            assert_eq!(Column::named(column.name()), Some(column));
            assert!(column.heading().len() + 2 <= column.width(), "{}", column.name());
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out_from_the_right() {
        assert_eq!(Column::fitting(&Column::USUAL, 71, 12), Column::USUAL);
        assert_eq!(
            Column::fitting(&Column::USUAL, 40, 12),
            [Column::Cpu, Column::Memory, Column::Disk]
        );
        assert!(Column::fitting(&Column::ALL, 80, 12).len() < Column::ALL.len());
    }
}

//! Systems of a list in a new file that only its owner can read, written whole or not at all, and never over one that is
//! there.

use crate::model::{ExportFormat, ListExport, Row, clean};
use crate::view::format;
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes the file; answers what was written, or why nothing was.
pub(super) fn write(export: &ListExport) -> Result<String, String> {
    let path = Path::new(&export.file);
    let shown = clean(&export.file);
    match write_new(path, export) {
        Ok(()) => Ok(format!(
            "exported {} to {shown}",
            format::systems(export.rows.len())
        )),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(format!("{shown} is there already: choose another name"))
        }
        Err(error) => Err(format!("cannot write {shown}: {error}")),
    }
}

/// Under another name first: a link to the wanted one takes no place of a file, and appears with all of its content.
fn write_new(path: &Path, export: &ListExport) -> io::Result<()> {
    if path.try_exists()? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let part = part_of(path);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&part)?;
    let linked = write_rows(file, export).and_then(|()| std::fs::hard_link(&part, path));
    let removed = std::fs::remove_file(&part);
    linked.and(removed)
}

fn part_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.part-{}", std::process::id()))
}

fn write_rows(file: File, export: &ListExport) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    let lines = export.rows.iter().map(Exported::of);
    match export.format {
        ExportFormat::Csv => {
            writeln!(out, "{}", NAMES.join(","))?;
            for line in lines {
                writeln!(out, "{}", line.csv())?;
            }
        }
        ExportFormat::Json => {
            let all: Vec<Exported<'_>> = lines.collect();
            serde_json::to_writer_pretty(&mut out, &all)?;
            writeln!(out)?;
        }
        ExportFormat::JsonLines => {
            for line in lines {
                serde_json::to_writer(&mut out, &line)?;
                writeln!(out)?;
            }
        }
    }
    out.flush()?;
    out.get_ref().sync_all()
}

/// The members of [`Exported`], as the first line of a CSV file names them.
const NAMES: [&str; 19] = [
    "id",
    "hostname",
    "status",
    "presence",
    "address",
    "os",
    "os_family",
    "arch",
    "version",
    "cpu_percent",
    "mem_used_mib",
    "mem_total_mib",
    "disk_used_mib",
    "disk_total_mib",
    "uptime_secs",
    "containers",
    "tags",
    "first_seen",
    "last_seen",
];

/// A line.
#[derive(Serialize)]
struct Exported<'a> {
    id: i64,
    hostname: &'a str,
    status: &'static str,
    presence: &'static str,
    address: &'a str,
    os: &'a str,
    os_family: &'a str,
    arch: &'a str,
    version: &'a str,
    cpu_percent: Option<f32>,
    mem_used_mib: Option<u32>,
    mem_total_mib: Option<u32>,
    disk_used_mib: Option<u32>,
    disk_total_mib: Option<u32>,
    uptime_secs: Option<u32>,
    containers: Option<u32>,
    tags: &'a [String],
    first_seen: String,
    last_seen: Option<String>,
}

impl<'a> Exported<'a> {
    fn of(row: &'a Row) -> Self {
        Exported {
            id: row.id.0,
            hostname: &row.hostname,
            status: row.status.as_str(),
            presence: row.presence.as_str(),
            address: &row.address,
            os: &row.os,
            os_family: &row.os_family,
            arch: &row.arch,
            version: &row.version,
            cpu_percent: row.cpu,
            mem_used_mib: row.mem_used_mib,
            mem_total_mib: row.mem_total_mib,
            disk_used_mib: row.disk_used_mib,
            disk_total_mib: row.disk_total_mib,
            uptime_secs: row.uptime_secs,
            containers: row.containers,
            tags: &row.tags,
            first_seen: format::date_time(row.first_seen),
            last_seen: row.last_seen.map(format::date_time),
        }
    }

    fn csv(&self) -> String {
        fn number<T: ToString>(number: Option<T>) -> String {
            number.map(|number| number.to_string()).unwrap_or_default()
        }
        [
            self.id.to_string(),
            quoted(self.hostname),
            self.status.to_owned(),
            self.presence.to_owned(),
            quoted(self.address),
            quoted(self.os),
            quoted(self.os_family),
            quoted(self.arch),
            quoted(self.version),
            number(self.cpu_percent),
            number(self.mem_used_mib),
            number(self.mem_total_mib),
            number(self.disk_used_mib),
            number(self.disk_total_mib),
            number(self.uptime_secs),
            number(self.containers),
            quoted(&self.tags.join(" ")),
            self.first_seen.clone(),
            self.last_seen.clone().unwrap_or_default(),
        ]
        .join(",")
    }
}

/// In quotes where it must be; what a spreadsheet would take for a formula gets an apostrophe before it: the names are those
/// that machines gave themselves.
fn quoted(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@']);
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Names;
    use scm_protocol::ids::{SystemId, UnixMillis};
    use scm_protocol::systems::{Presence, SystemStatus, SystemSummary};
    use std::os::unix::fs::PermissionsExt;

    fn row(hostname: &str) -> Row {
        let summary = SystemSummary {
            id: SystemId(7),
            hostname: hostname.to_owned(),
            status: SystemStatus::Active,
            presence: Presence::Online,
            rebooted: false,
            cloned: false,
            clock_skew_ms: None,
            first_seen_ms: UnixMillis(0),
            last_seen_ms: None,
            agent_version: "1.0.0".to_owned(),
            os: "Debian, stable".to_owned(),
            os_family: "linux".to_owned(),
            arch: "x86_64".to_owned(),
            address: "192.0.2.7".to_owned(),
            cpu_percent: Some(12.5),
            mem_used_bytes: Some(3 << 20),
            mem_total_bytes: None,
            disk_used_bytes: None,
            disk_total_bytes: None,
            uptime_secs: Some(60),
            container_count: None,
            tags: vec!["a".to_owned(), "b".to_owned()],
        };
        Row::new(&summary, &mut Names::default())
    }

    fn export(path: &Path, format: ExportFormat) -> ListExport {
        ListExport {
            file: path.display().to_string(),
            format,
            rows: vec![row("=cmd()"), row("web \"1\"")],
        }
    }

    #[test]
    fn lines_have_as_many_members_as_there_are_names() {
        let json = serde_json::to_value(Exported::of(&row("web"))).unwrap();
        let members: Vec<&str> = NAMES
            .into_iter()
            .filter(|name| json.get(name).is_some())
            .collect();
        assert_eq!(
            (members.len(), json.as_object().unwrap().len()),
            (NAMES.len(), NAMES.len())
        );
        assert_eq!(
            Exported::of(&row("web")).csv().split(',').count(),
            NAMES.len() + 1,
            "one is quoted"
        );
    }

    #[test]
    fn a_file_is_new_whole_and_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("systems.csv");
        let said = write(&export(&path, ExportFormat::Csv)).unwrap();
        assert!(said.starts_with("exported 2 systems"), "{said}");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("7,'=cmd(),active,online,192.0.2.7,\"Debian, stable\""),
            "{text}"
        );
        assert!(
            text.contains("\"web \"\"1\"\"\"") && text.contains(",a b,1970-01-01"),
            "{text}"
        );
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let refused = write(&export(&path, ExportFormat::JsonLines)).unwrap_err();
        assert!(refused.contains("is there already"), "{refused}");
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            text,
            "nothing was written over"
        );
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing stays behind"
        );
    }

    #[test]
    fn json_is_an_array_or_an_object_in_each_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("systems.json");
        write(&export(&path, ExportFormat::Json)).unwrap();
        let all: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!((all.len(), &all[1]["hostname"]), (2, &"web \"1\"".into()));
        let path = folder.path().join("systems.jsonl");
        write(&export(&path, ExportFormat::JsonLines)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first["cpu_percent"], 12.5);
        let nowhere = folder.path().join("none").join("a.csv");
        assert!(
            write(&export(&nowhere, ExportFormat::Csv))
                .unwrap_err()
                .contains("cannot write")
        );
    }
}

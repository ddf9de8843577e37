use super::Descriptor;

const ME: &str = "S-1-5-21-1-2-3-1001";

fn read(text: &str) -> Descriptor {
    Descriptor::parse(text).unwrap()
}

#[test]
fn what_the_agent_makes_is_private() {
    for text in [
        "O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)",
        "O:S-1-5-21-1-2-3-1001D:PAI(A;OICI;FA;;;SY)(A;OICI;0x1f01ff;;;S-1-5-32-544)(A;;FA;;;S-1-5-21-1-2-3-1001)",
        "O:SYG:SYD:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)S:AI(AU;SAFA;FA;;;WD)",
    ] {
        let found = read(text);
        assert!(found.is_owned_by(ME), "{text}");
        assert!(
            !found.others_may_read(ME) && !found.others_may_write(ME),
            "{text}"
        );
        assert!(!found.others_may_replace_within(ME), "{text}");
    }
}

#[test]
fn other_owners_and_rights_of_others_are_found() {
    assert!(!read("O:S-1-5-21-1-2-3-1002D:P(A;;FA;;;SY)").is_owned_by(ME));
    assert!(!read("O:BUD:P(A;;FA;;;SY)").is_owned_by(ME));
    let readable = read("O:BAD:P(A;;FA;;;SY)(A;;FR;;;BU)");
    assert!(readable.others_may_read(ME) && !readable.others_may_write(ME));
    let traversable = read("O:BAD:P(A;;FA;;;SY)(A;;FX;;;WD)");
    assert!(!traversable.others_may_read(ME) && !traversable.others_may_write(ME));
    for rights in ["FW", "GA", "WD", "WO", "SD", "0x2", "CCDCLC", "XX"] {
        let text = format!("O:BAD:P(A;;{rights};;;S-1-5-21-1-2-3-1002)");
        assert!(read(&text).others_may_write(ME), "{text}");
    }
}

#[test]
fn a_list_that_is_not_there_grants_everything() {
    for text in ["O:BAG:BAD:NO_ACCESS_CONTROL", "O:BAG:BA"] {
        assert!(
            read(text).others_may_write(ME) && read(text).others_may_read(ME),
            "{text}"
        );
    }
    assert!(
        !read("O:BAD:P").others_may_write(ME),
        "an empty list grants nothing"
    );
}

#[test]
fn the_root_of_a_volume_may_take_new_folders_of_others_and_still_be_trusted() {
    // `C:\` of a fresh installation.
    let root = "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464G:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464D:PAI(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)(A;OICI;0x1200a9;;;BU)(A;OICIIO;SDGXGWGR;;;AU)(A;;LC;;;AU)";
    let root = read(root);
    assert!(root.is_owned_by(ME) && !root.others_may_replace_within(ME));
    assert!(root.others_may_write(ME));
    // `C:\ProgramData`, where everyone may put files: a library beside a program would be run by it.
    let data = "O:SYG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICIIO;GA;;;CO)(A;OICI;0x1200a9;;;BU)(A;CI;DCLCRPCR;;;BU)";
    assert!(read(data).others_may_replace_within(ME));
}

#[test]
fn what_is_no_descriptor_is_none() {
    for text in ["", "D:P(A;;FA;;;SY)", "O:BAD:P(A;;FA;;;SY", "O:BAD:P(A;;FA)"] {
        assert_eq!(Descriptor::parse(text), None, "{text}");
    }
}

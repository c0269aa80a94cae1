//! By asking for each file to be opened for oneself alone.

use std::fs::File;
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;

/// "Somebody has it open".
const SHARING_VIOLATION: i32 = 32;

/// Files in a directory that somebody has open.
pub fn open_below(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).expect("the directory is there");
    let files = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file());
    let open = |path: &std::path::PathBuf| {
        let alone = File::options().read(true).share_mode(0).open(path);
        alone.is_err_and(|error| error.raw_os_error() == Some(SHARING_VIOLATION))
    };
    files.filter(open).count()
}

//! Kernels and busybox from Debian's archive, of releases that this machine does not run.
//!
//! apt is given settings of its own, in a folder: the mirror is the one this machine uses, only
//! the suite differs, and the machine's own package lists stay as they are. What was fetched lies
//! in the cache and is used again; it needs neither root nor an installation.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{Failure, Program, Result};

/// The small kernel for virtual machines: serial console, io_uring and seccomp are built in.
const KERNEL: &str = "linux-image-cloud-amd64";
const BUSYBOX: &str = "busybox-static";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// What system this is.
const RELEASE: &str = "/etc/os-release";

/// What a machine is started with.
pub struct Boot {
    pub kernel: PathBuf,
    pub busybox: PathBuf,
}

impl Boot {
    fn in_folder(folder: &Path) -> Self {
        Self { kernel: folder.join("vmlinuz"), busybox: folder.join("busybox") }
    }
}

/// Whether this is a Debian, and so has a mirror of Debian.
pub fn is_here() -> bool {
    let release = fs::read_to_string(RELEASE).unwrap_or_default();
    release.lines().any(|line| line == "ID=debian")
}

/// The newest kernel of a suite, from the cache or the mirror. The folder gets its name only when
/// it is complete, so what is found under the name is whole.
pub fn boot(cache: &Path, suite: &str) -> Result<Boot> {
    let folder = cache.join(format!("debian-{suite}-kernel"));
    if !folder.is_dir() {
        fs::create_dir_all(cache)?;
        let unfinished = cache.join(format!("debian-{suite}-kernel.{}", std::process::id()));
        let made = fetch(&unfinished, suite).and_then(|found| {
            let finished = unfinished.join("finished");
            fs::create_dir(&finished)?;
            let boot = Boot::in_folder(&finished);
            fs::copy(found.kernel, boot.kernel)?;
            fs::copy(found.busybox, boot.busybox)?;
            Ok(fs::rename(finished, &folder)?)
        });
        // Lists and packages are large, and of no further use.
        let _ = fs::remove_dir_all(&unfinished);
        made.map_err(|failure| {
            Failure::new(format!("no kernel of Debian {suite} could be fetched: {failure}"))
        })?;
    }
    Ok(Boot::in_folder(&folder))
}

fn fetch(folder: &Path, suite: &str) -> Result<Boot> {
    let apt = Apt::with_suite(folder, suite)?;
    let image = image(&apt.program("apt-cache").args(["depends", KERNEL]).output()?)?;
    println!("  fetching {image} and {BUSYBOX}");
    let (packages, tree) = (folder.join("packages"), folder.join("tree"));
    fs::create_dir(&packages)?;
    let download = apt.program("apt-get").args(["-qq", "download", &image, BUSYBOX]);
    download.dir(&packages).output()?;
    for package in fs::read_dir(&packages)? {
        let package = package?.path();
        let paths = [package.to_string_lossy(), tree.to_string_lossy()];
        Program::new("dpkg-deb").args(["--extract"]).args(paths).output()?;
    }
    let version = image.trim_start_matches("linux-image-");
    Ok(Boot {
        kernel: tree.join(format!("boot/vmlinuz-{version}")),
        busybox: ["bin/busybox", "usr/bin/busybox"]
            .map(|place| tree.join(place))
            .into_iter()
            .find(|path| path.is_file())
            .ok_or_else(|| Failure::new(format!("{BUSYBOX} holds no busybox")))?,
    })
}

/// The package that holds the kernel, by what the package that stands for the newest depends on.
fn image(depends: &str) -> Result<String> {
    let names = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    let mut images = names.filter(|name| name.starts_with("linux-image-"));
    let image = images.next().map(str::to_string);
    image.ok_or_else(|| Failure::new(format!("{KERNEL} names no kernel: {depends}")))
}

/// apt with settings, lists and packages of its own.
struct Apt {
    settings: PathBuf,
}

impl Apt {
    fn with_suite(folder: &Path, suite: &str) -> Result<Self> {
        for place in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(place))?;
        }
        fs::write(folder.join("status"), "")?;
        let source = format!("deb [signed-by={KEYRING} arch=amd64] {} {suite} main\n", mirror()?);
        fs::write(folder.join("source.list"), source)?;
        let settings = folder.join("settings");
        fs::write(&settings, settings_in(&folder.to_string_lossy()))?;
        let apt = Self { settings };
        apt.program("apt-get").args(["-qq", "update"]).output()?;
        Ok(apt)
    }

    fn program(&self, name: &str) -> Program {
        Program::new(name).env("APT_CONFIG", &self.settings).env("LC_ALL", "C.UTF-8")
    }
}

/// Everything that apt keeps somewhere, moved below a folder.
fn settings_in(folder: &str) -> String {
    format!(
        "Dir::Etc::sourcelist \"{folder}/source.list\";\n\
         Dir::Etc::sourceparts \"/dev/null\";\n\
         Dir::State \"{folder}\";\n\
         Dir::State::lists \"{folder}/lists\";\n\
         Dir::State::status \"{folder}/status\";\n\
         Dir::Cache \"{folder}/cache\";\n\
         APT::Architecture \"amd64\";\n\
         APT::Architectures {{\"amd64\";}};\n\
         APT::Sandbox::User \"root\";\n"
    )
}

/// The address of the mirror that this machine gets its own release from.
fn mirror() -> Result<String> {
    let release = fs::read_to_string(RELEASE)?;
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename = codename.ok_or_else(|| Failure::new(format!("{RELEASE} names no release")))?;
    let format = "$(CREATED_BY) $(RELEASE) $(CODENAME) $(REPO_URI)";
    let targets = Program::new("apt-get").args(["indextargets", "--format", format]).output()?;
    find_mirror(&targets, codename.trim_matches('"'))
}

fn find_mirror(targets: &str, codename: &str) -> Result<String> {
    let address = targets.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (kind, releases, address) = match words.as_slice() {
            [kind, releases @ .., address] => (kind, releases, address),
            _ => return None,
        };
        (*kind == "Packages" && releases.contains(&codename)).then(|| address.to_string())
    });
    address.ok_or_else(|| Failure::new(format!("apt has no source for Debian {codename}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_what_the_newest_stands_for() {
        let depends = "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-50-cloud-amd64\n";
        assert_eq!(image(depends).expect("it is there"), "linux-image-6.1.0-50-cloud-amd64");
        assert!(image("linux-image-cloud-amd64\n").is_err());
    }

    #[test]
    fn the_mirror_is_the_one_of_the_release_itself() {
        let targets = "DEP-11 bookworm bookworm http://a/\n\
                       Packages bookworm-security bookworm-security http://b/\n\
                       Packages stable bookworm http://c/\n\
                       Packages bookworm http://d/\n";
        assert_eq!(find_mirror(targets, "bookworm").expect("it is there"), "http://c/");
        assert_eq!(
            find_mirror("Packages bookworm http://d/", "bookworm").ok(),
            Some("http://d/".into())
        );
        assert!(find_mirror(targets, "trixie").is_err());
    }
}

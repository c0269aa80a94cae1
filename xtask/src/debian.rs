//! A small Debian in a folder: a compiler of another age, and programs this machine does not have.
//!
//! It is made once with debootstrap, lies outside the checkout and is used again; packages are
//! added when a step needs them. What a step works on is mounted into it. The mounts live in a
//! mount namespace of their own and end with it, whatever happens to this process.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{self, Program, Result};

pub const SUITE: &str = "trixie";
/// What every step needs.
const PACKAGES: &str = "rustc,cargo,ca-certificates,libc6-dev,gcc";

/// Runs with the arguments: system, mounts as `source target` pairs, `--`, variables as
/// `NAME=value`, `--`, command. The checkout, which is always the first mount, cannot be written.
const IN_NAMESPACE: &str = r#"
set -eu
system=$1; shift
first=yes
while [ "$1" != -- ]; do
    mkdir -p "$system$2"
    mount --bind "$1" "$system$2"
    [ "$first" = no ] || mount -o remount,bind,ro "$system$2"
    first=no
    shift 2
done
mount -t proc proc "$system/proc"
mount --rbind /dev "$system/dev"
mount --rbind /sys "$system/sys"
mount -t tmpfs tmpfs "$system/tmp"
exec chroot "$system" /bin/sh -c '
    shift
    for word in "$@"; do
        [ "$word" != -- ] || break
        variables="${variables:-} $word"
        shift
    done
    shift
    cd /checkout
    exec /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 $variables "$@"
' sh "$@"
"#;

/// Why it cannot be had on this machine.
pub fn obstacle() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("it needs Linux".to_string());
    }
    let root = Program::new("id").args(["-u"]).output().is_ok_and(|id| id.trim() == "0");
    if !root {
        return Some(
            "it needs root, to make a Debian in a folder and to mount into it".to_string(),
        );
    }
    let missing =
        ["debootstrap", "unshare", "chroot"].into_iter().find(|name| !process::is_installed(name));
    missing.map(|name| format!("it needs `{name}` (apt-get install debootstrap util-linux)"))
}

/// The Debian.
pub struct Debian {
    system: PathBuf,
}

impl Debian {
    /// The Debian of the cache, made if it is not there. It gets its name only when it is
    /// complete, so what is found under the name is whole.
    pub fn open(cache: &Path) -> Result<Debian> {
        let system = cache.join(format!("debian-{SUITE}-rust"));
        if !system.is_dir() {
            make(cache, &system)?;
        }
        // A bare Debian does not know its own name, and tests look it up.
        fs::write(system.join("etc/hosts"), "127.0.0.1 localhost\n::1 localhost\n")?;
        Ok(Debian { system })
    }

    /// A path inside, as it is seen from outside.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.system.join(inside.trim_start_matches('/'))
    }

    /// Adds packages, unless they are there.
    pub fn install(&self, packages: &[&str]) -> Result<()> {
        let installed = |package: &&str| {
            self.path(&format!("var/lib/dpkg/info/{package}.list")).is_file()
                || self.path(&format!("var/lib/dpkg/info/{package}:amd64.list")).is_file()
        };
        let missing: Vec<&str> = packages.iter().copied().filter(|p| !installed(p)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        fs::copy("/etc/resolv.conf", self.path("etc/resolv.conf"))?;
        let mut variables = vec!["DEBIAN_FRONTEND=noninteractive".to_string()];
        for name in ["http_proxy", "https_proxy", "no_proxy"] {
            variables.extend(env::var(name).ok().map(|value| format!("{name}={value}")));
        }
        let script = "apt-get update -qq && apt-get install -y -qq --no-install-recommends \"$@\"";
        let command = [&["sh", "-c", script, "sh"], missing.as_slice()].concat();
        println!("$ (Debian {SUITE}) apt-get install {}", missing.join(" "));
        let root = crate::workspace::root();
        self.program(&[(&root, "/checkout")], &variables, &command).output().map(drop)
    }

    /// A command inside. The first mount, which cannot be written, is where it starts.
    pub fn program<V: AsRef<str>>(
        &self,
        mounts: &[(&Path, &str)],
        variables: &[V],
        command: &[&str],
    ) -> Program {
        let mounts = mounts.iter().flat_map(|(source, target)| {
            [source.to_string_lossy().into_owned(), target.to_string()]
        });
        Program::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", IN_NAMESPACE, "sh"])
            .args([self.system.to_string_lossy()])
            .args(mounts)
            .args(["--"])
            .args(variables)
            .args(["--"])
            .args(command)
            .silent()
    }
}

fn make(cache: &Path, system: &Path) -> Result<()> {
    fs::create_dir_all(cache)?;
    let unfinished = system.with_extension(std::process::id().to_string());
    let made = Program::new("debootstrap")
        .args(["--variant=minbase", &format!("--include={PACKAGES}"), SUITE])
        .args([unfinished.to_string_lossy()])
        .run()
        .and_then(|()| Ok(fs::rename(&unfinished, system)?));
    if made.is_err() {
        // Half a Debian is of no use to anybody; the first failure is the one to tell.
        let _ = fs::remove_dir_all(&unfinished);
    }
    made
}

/// What cargo is to read instead of a registry: the folder of sources, by its name inside.
pub fn source_replacement(inside: &str) -> String {
    format!(
        "[source.crates-io]\nreplace-with = \"folder\"\n\n\
         [source.folder]\ndirectory = \"{inside}\"\n"
    )
}

// The ways to make a sandbox, best first: bubblewrap, else unshare and mount of util-linux. Each as a command line that
// runs a Python in namespaces of its own: processes, mounts, network, IPC, host name. What it sees is /usr and the
// interpreter, read-only; an empty /tmp of its own; /proc of its own; five devices.

import type { Python } from "./python.js";

export interface Launcher {
  /** For results and messages. */
  readonly name: string;
  /** Needs a folder of its own to mount on. */
  readonly needsFolder: boolean;
  /** The supervisor starts as root, so that it, the program and its checker become users of their own. */
  readonly ownUsers: boolean;
  /** The command that runs the Python program `code` as process 1 of a new sandbox. */
  command(python: Python, code: string, folder: string): readonly [file: string, ...args: string[]];
}

/** Bytes that a program may write to /tmp. */
export const TMP_BYTES = 64 * 2 ** 20;
/** Files in /tmp, where the launcher can say it; the supervisor counts them too. */
const TMP_FILES = 2 ** 14;
/** Merged into /usr by most systems, as symbolic links; elsewhere folders of their own. */
const SYSTEM_FOLDERS = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
const LOADER_FILES = ["/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives"];
/** What root could change there even without privileges; bubblewrap covers the same. */
const PROC_SETTINGS = ["sys", "sysrq-trigger", "irq", "bus"];
/** No zero: mapped and shared, it is memory that no process shows. */
const DEVICES = ["null", "full", "random", "urandom"];
/** What is left of root's privileges until it has become other users. */
const TO_CHANGE_USERS = ["setuid", "setgid"];

/**
 * @param root whether the caller is root. Then namespaces are made with its privileges and the program gets a user of its
 *   own: limits on processes do not hold for root, not even inside of a user namespace.
 * @param links of SYSTEM_FOLDERS, which are links and where they lead; null for folders, absent for neither
 */
export function launchers(root: boolean, links: ReadonlyMap<string, string | null>): Launcher[] {
  const [privileged, unprivileged] = [true, false].map((own) => [bubblewrap(links, own), unshare(links, own)]);
  return [...(root ? (privileged as Launcher[]) : []), ...(unprivileged as Launcher[])];
}

export { SYSTEM_FOLDERS };

function bubblewrap(links: ReadonlyMap<string, string | null>, ownUsers: boolean): Launcher {
  return {
    name: ownUsers ? "bubblewrap, as root" : "bubblewrap",
    needsFolder: false,
    ownUsers,
    command: (python, code) => [
      "bwrap",
      ...["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
      ...(ownUsers ? [] : ["--unshare-user", "--disable-userns"]),
      ...["--cap-drop", "ALL"],
      ...(ownUsers ? TO_CHANGE_USERS.flatMap((name) => ["--cap-add", `CAP_${name.toUpperCase()}`]) : []),
      ...["--die-with-parent", "--new-session", "--as-pid-1", "--hostname", "sandbox"],
      ...["--ro-bind", "/usr", "/usr"],
      ...[...links].flatMap(([name, target]) =>
        target === null ? ["--ro-bind", `/${name}`, `/${name}`] : ["--symlink", target, `/${name}`],
      ),
      ...LOADER_FILES.flatMap((path) => ["--ro-bind-try", path, path]),
      ...python.folders.flatMap(ancestors).flatMap((folder) => ["--perms", "0755", "--dir", folder]),
      ...python.folders.flatMap((folder) => ["--ro-bind", folder, folder]),
      ...["--proc", "/proc", "--perms", "0755", "--dir", "/dev"],
      ...DEVICES.flatMap((name) => ["--dev-bind", `/dev/${name}`, `/dev/${name}`]),
      ...["--perms", "1777", "--size", String(TMP_BYTES), "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/"],
      ...["--", python.path, "-I", "-c", code],
    ],
  };
}

/** The folders above a folder, the topmost first: they are made with the permissions of their namesakes otherwise. */
function ancestors(folder: string): string[] {
  const parts = folder.split("/").slice(1, -1);
  return parts.map((_, at) => `/${parts.slice(0, at + 1).join("/")}`);
}

function unshare(links: ReadonlyMap<string, string | null>, ownUsers: boolean): Launcher {
  return {
    name: ownUsers ? "namespaces, as root" : "user namespaces",
    needsFolder: true,
    ownUsers,
    command: (python, code, folder) => [
      "unshare",
      ...(ownUsers ? [] : ["--user", "--map-root-user"]),
      ...["--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--fork", "--kill-child=KILL", "--"],
      ...["sh", "-euc", ROOT_SCRIPT, "sh", folder, String(TMP_BYTES)],
      [...links].map(([name, target]) => `${name}:${target ?? ""}`).join("\n"),
      [...LOADER_FILES, ...python.folders].join("\n"),
      ...["setpriv", "--inh-caps=-all", "--no-new-privs"],
      `--bounding-set=${["-all", ...(ownUsers ? TO_CHANGE_USERS.map((name) => `+${name}`) : [])]}`,
      ...["--", python.path, "-I", "-c", code],
    ],
  };
}

/** Builds the new root on $1 and makes it the root; then runs what follows the first four arguments. */
const ROOT_SCRIPT = `
root=$1 size=$2 links=$3 more=$4
shift 4
mount -t tmpfs -o size=1m,mode=755,nosuid,nodev tmpfs "$root"
show() {
  if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root\${1%/*}"; : >"$root$1"; fi
  mount --rbind "$1" "$root$1"
  while IFS=' ' read -r _ _ _ _ point _; do # it, and what is mounted below it
    point=$(printf %b "$point")
    case $point in
      "$root$1" | "$root$1"/*) mount -o remount,bind,ro,nosuid,nodev "$point" || mount -o remount,bind,ro "$point" ;;
    esac
  done </proc/self/mountinfo
}
show /usr
IFS='
'
for link in $links; do
  name=\${link%%:*} target=\${link#*:}
  if [ -n "$target" ]; then ln -s "$target" "$root/$name"; else show "/$name"; fi
done
for path in $more; do
  if [ -e "$path" ]; then show "$path"; fi
done
mkdir "$root/proc" "$root/dev" "$root/tmp" "$root/.old"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
for path in ${PROC_SETTINGS.join(" ")}; do
  if [ -e "$root/proc/$path" ]; then
    mount --bind "$root/proc/$path" "$root/proc/$path"
    mount -o remount,bind,ro "$root/proc/$path"
  fi
done
for device in ${DEVICES.join(" ")}; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs -o "size=$size,nr_inodes=${TMP_FILES},mode=1777,nosuid,nodev" tmpfs "$root/tmp"
cd "$root"
pivot_root . .old
umount -l /.old
rmdir /.old
mount -o remount,bind,ro,nosuid,nodev /
cd /tmp
unset OLDPWD PWD root size links more link name target path device
exec "$@"
`;

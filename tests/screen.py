#!/usr/bin/env python3
"""Runs a command on a terminal of its own and says what stood on its screen.

usage: screen.py [--columns N] [--rows N] [--narrow N] [--interrupt TEXT] [--only-stderr] [--ptmx FILE] REPORT command...

The screen folds long lines again when it becomes narrower, as most terminals do. --narrow makes it so wide when something
was drawn for the first time, --interrupt types Ctrl-C once TEXT is on it. REPORT gets one JSON object: exit_code, draws (how often the
cursor moved up), most_rows and widest (of what was on the screen after each write, while draws went on), screen (its lines
at the end), unknown (bytes that are no text and none of the sequences that may be written). With --only-stderr, stdout is
/dev/null, so that nothing but messages is on the screen. --ptmx is that of a devpts elsewhere than in /dev/pts.
"""
import argparse, codecs, fcntl, json, os, re, select, signal, struct, sys, termios, time

TIOCSPTLCK, TIOCGPTPEER = 0x40045431, 0x5441        # ioctl_tty(2)
SEQUENCE = re.compile(r"\x1b\[(\d*)([AJK])|[\r\n]|[^\x00-\x1f\x7f-\x9f]+")


class Screen:
    def __init__(self, columns):
        self.columns, self.lines, self.at, self.column = columns, [""], 0, 0
        self.draws, self.most_rows, self.widest, self.unknown = 0, 0, 0, []
        self.left = ""

    def rows(self, line):
        return max(1, -(-len(line) // self.columns))

    def up(self, rows):
        self.draws += 1
        while rows > 0 and self.at > 0:
            self.at -= 1
            rows -= self.rows(self.lines[self.at])
        if rows != 0:
            self.unknown.append("the cursor moved to no beginning of a line")

    def feed(self, text):
        text = self.left + text
        at = 0
        while at < len(text):
            found = SEQUENCE.match(text, at)
            if not found:
                if text[at] == "\x1b" and len(text) - at < 6:
                    break
                self.unknown.append(repr(text[at]))
                at += 1
                continue
            at = found.end()
            token = found.group(0)
            if token == "\r":
                self.column = 0
            elif token == "\n":
                self.at += 1
                self.column = 0
                if self.at == len(self.lines):
                    self.lines.append("")
            elif found.group(2) == "A":
                self.up(int(found.group(1) or 1))
            elif found.group(2):
                self.lines[self.at] = self.lines[self.at][: self.column]
                if found.group(2) == "J":
                    del self.lines[self.at + 1 :]
            else:
                line = self.lines[self.at].ljust(self.column)
                self.lines[self.at] = line[: self.column] + token + line[self.column + len(token) :]
                self.column += len(token)
        self.left = text[at:]

    def measure(self):
        shown = [line for line in self.lines if line]
        self.most_rows = max([self.most_rows, sum(self.rows(line) for line in shown)])
        self.widest = max([self.widest] + [len(line) for line in shown])


def size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def fork_on_terminal(ptmx):
    """As pty.fork(), by any devpts: (0, -1) in the child."""
    master = os.open(ptmx, os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(master, TIOCSPTLCK, struct.pack("i", 0))
    slave = fcntl.ioctl(master, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
    child = os.fork()
    if child:
        os.close(slave)
        return child, master
    os.close(master)
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for n in range(3):
        os.dup2(slave, n)
    os.close(slave)
    return 0, -1


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--columns", type=int, default=100)
    words.add_argument("--rows", type=int, default=24)
    words.add_argument("--narrow", type=int)
    words.add_argument("--interrupt")
    words.add_argument("--only-stderr", action="store_true")
    words.add_argument("report")
    words.add_argument("--ptmx", default="/dev/ptmx")
    words.add_argument("command", nargs=argparse.REMAINDER)
    given = words.parse_args()
    go, ready = os.pipe()
    child, fd = fork_on_terminal(given.ptmx)
    if child == 0:
        os.close(ready)
        os.read(go, 1)
        if given.only_stderr:
            os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
        os.environ["TERM"] = "xterm"
        os.execvp(given.command[0], given.command)
    os.close(go)
    size(fd, given.rows, given.columns)
    os.close(ready)
    screen, typed, settled = Screen(given.columns), False, 0.0
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if not select.select([fd], [], [], 1)[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:                       # the other side is closed
            data = b""
        if not data:
            break
        screen.feed(decoder.decode(data))
        if screen.lines[-1] == "" and not screen.left and time.monotonic() > settled:
            screen.measure()
        if given.narrow and screen.columns != given.narrow and len(screen.lines) > 2:
            size(fd, given.rows, given.narrow)
            screen.columns, screen.widest = given.narrow, 0
            settled = time.monotonic() + 0.4    # the next draw is of the new width
        if given.interrupt and not typed and any(given.interrupt in line for line in screen.lines):
            typed = True
            os.write(fd, b"\x03")
    else:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    screen.feed("")
    report = {
        "exit_code": os.waitstatus_to_exitcode(status), "draws": screen.draws, "most_rows": screen.most_rows,
        "widest": screen.widest, "screen": [line for line in screen.lines if line], "unknown": screen.unknown[:5],
    }
    with open(given.report, "w") as out:
        json.dump(report, out)


main()

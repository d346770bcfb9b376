"""Start and stop real servers on loopback: python -m tools.cluster up|down|status [hadoop] [s3] [kafka]."""

import argparse
import json
import sys

from tools.cluster import hadoop, kafka, s3

SERVICES = {"hadoop": hadoop, "s3": s3, "kafka": kafka}


def main(argv: list[str]) -> int:
    """Do what the first word says to the services named, all of them by default; print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m tools.cluster", description=__doc__)
    parser.add_argument("action", choices=("up", "down", "status"))
    parser.add_argument("services", nargs="*", metavar="service", help=", ".join(SERVICES))
    arguments = parser.parse_args(argv)
    if unknown := set(arguments.services) - set(SERVICES):
        parser.error(f"unknown service {', '.join(sorted(unknown))}; there are {', '.join(SERVICES)}")
    chosen = {name: SERVICES[name] for name in arguments.services or SERVICES}
    if arguments.action == "up":
        print(json.dumps({name: service.up() for name, service in chosen.items()}))
    elif arguments.action == "status":
        print(json.dumps({name: service.status() for name, service in chosen.items()}))
    else:
        for service in chosen.values():
            service.down()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

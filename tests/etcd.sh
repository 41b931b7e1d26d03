# Sourced by scripts that need a real etcd.
#
# start_etcd FOLDER [OPTION]...: one of one member in the background, on ports
# that nobody listens at.  Then its URL is $etcd_url and its process
# $etcd_pid, which whoever called ends; what it says is in FOLDER.log.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../ports.sh"

start_etcd() {
    etcd_folder=$1
    shift
    etcd_port=$(take_ports) || exit 1
    etcd_url=http://127.0.0.1:$etcd_port
    etcd_peer=http://127.0.0.1:$((etcd_port + 1))
    etcd --name one --data-dir "$etcd_folder" --logger zap \
        --listen-client-urls "$etcd_url" --advertise-client-urls "$etcd_url" \
        --listen-peer-urls "$etcd_peer" \
        --initial-advertise-peer-urls "$etcd_peer" \
        --initial-cluster "one=$etcd_peer" "$@" >"$etcd_folder.log" 2>&1 &
    etcd_pid=$!
}

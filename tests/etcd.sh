# Sourced by scripts that need a real etcd.
#
# start_etcd FOLDER [OPTION]...: one of one member in the background, on ports
# that nobody listens at.  Then its URL is $etcd_url and its process
# $etcd_pid, which whoever called ends; what it says is in FOLDER.log.

etcd_port_taken() {
    grep -qi ":$(printf '%04X' "$1") " /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

start_etcd() {
    etcd_folder=$1
    shift
    # below those that programs get when they ask for any, and other tests take
    etcd_port=$((10000 + $$ * 2 % 10000))
    while etcd_port_taken "$etcd_port" || etcd_port_taken $((etcd_port + 1)); do
        etcd_port=$((etcd_port + 2))
    done
    etcd_url=http://127.0.0.1:$etcd_port
    etcd_peer=http://127.0.0.1:$((etcd_port + 1))
    etcd --name one --data-dir "$etcd_folder" --logger zap \
        --listen-client-urls "$etcd_url" --advertise-client-urls "$etcd_url" \
        --listen-peer-urls "$etcd_peer" \
        --initial-advertise-peer-urls "$etcd_peer" \
        --initial-cluster "one=$etcd_peer" "$@" >"$etcd_folder.log" 2>&1 &
    etcd_pid=$!
}

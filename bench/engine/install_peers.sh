#!/bin/sh
# Makes a virtual environment for each peer under $PEERS_HOME (default ~/.cache/peers), with the versions measured.
# Needs Python 3.11 as python3.11, or as $PYTHON. Arguments: the environments wanted; without any, all of them.
set -eu
home="${PEERS_HOME:-$HOME/.cache/peers}"
python="${PYTHON:-python3.11}"
torch_index="${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}"

make_env() {
    name="$1"
    shift
    [ -x "$home/$name/bin/python" ] || "$python" -m venv "$home/$name"
    "$home/$name/bin/pip" install --quiet "$@"
    echo "$name: $("$home/$name/bin/pip" list --format freeze | grep -iE "^(${wanted})=" | tr '\n' ' ')"
}

for env in ${*:-optuna nevergrad skopt ax smac baybe}; do
    wanted="torch|numpy|scipy|scikit-learn|botorch|optuna|nevergrad|scikit-optimize|ax-platform|smac|baybe"
    case "$env" in
    # torch first, from the index that has it without CUDA, so that nothing pulls the larger one
    optuna) make_env optuna torch==2.13.0 --extra-index-url "$torch_index" && make_env optuna optuna==5.0.0 scipy==1.17.1 ;;
    ax) make_env ax torch==2.13.0 --extra-index-url "$torch_index" && make_env ax ax-platform==1.3.1 botorch==0.18.1 ;;
    baybe) make_env baybe torch==2.13.0 --extra-index-url "$torch_index" && make_env baybe baybe==0.15.0 ;;
    # numpy 2.4 no longer turns an array of one element into a float, which nevergrad's metamodel relies on
    nevergrad) make_env nevergrad nevergrad==1.0.12 "numpy<2.4" ;;
    skopt) make_env skopt scikit-optimize==0.10.2 ;;
    smac) make_env smac smac==2.4.1 ;;
    *) echo "no such environment: $env" >&2 && exit 2 ;;
    esac
done

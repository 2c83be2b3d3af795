#!/bin/bash
# Make a dataset as a Slurm job array, without a scheduler of dask: each task makes its part in a folder of its own.
#
#     sbatch --array=1-50 slurm_array.sh RECIPE FOLDER      # parts go to FOLDER/part-1 … FOLDER/part-50
#     czone merge FOLDER/part-* --out DATASET               # when all have ended
#
# A task that was ended is submitted again (sbatch --array=7 slurm_array.sh RECIPE FOLDER) and goes on where it stopped.
#SBATCH --job-name=czone
#SBATCH --cpus-per-task=16
#SBATCH --mem-per-cpu=2G
#SBATCH --time=04:00:00
#SBATCH --requeue
set -eu
PARTS=${PARTS:-50} # of the whole, however many tasks are submitted this time
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
exec czone generate "$1" --out "$2/part-$SLURM_ARRAY_TASK_ID" \
    --part "$SLURM_ARRAY_TASK_ID/$PARTS" --workers "${SLURM_CPUS_PER_TASK:-1}"

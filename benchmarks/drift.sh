#!/bin/sh
# What a look at drift asks AWS for, asked with the AWS CLI in a loop.
#
#   drift.sh stacks ENVIRONMENT...
#   drift.sh algorithms TABLE LEDGER NAME=ACTIVE...
#
# Prints a line for each command of the CLI. Answers are only read as far as the next question needs
# them; a real script would have to compare them as well.
set -eu
exec 3>&1

ask() {
  echo "$1 $2" >&3
  aws "$@"
}

stack() {
  functions=$(ask cloudformation describe-stacks --stack-name "$1" --output text \
    --query "Stacks[0].Outputs[?ends_with(OutputKey, 'FunctionName')].OutputValue")
  ask cloudformation get-template --stack-name "$1" --template-stage Original >/dev/null
  detection=$(ask cloudformation detect-stack-drift --stack-name "$1" --output text \
    --query StackDriftDetectionId)
  while [ "$(ask cloudformation describe-stack-drift-detection-status --output text \
    --stack-drift-detection-id "$detection" --query DetectionStatus)" = DETECTION_IN_PROGRESS ]
  do sleep 1; done
  ask cloudformation describe-stack-resource-drifts --stack-name "$1" >/dev/null
  ask cloudformation list-stack-resources --stack-name "$1" >/dev/null
  for function in $functions; do
    ask lambda get-function --function-name "$function" >/dev/null
  done
}

pipeline() {
  outputs=$(ask cloudformation describe-stacks --stack-name "$1" --output text --query \
    "Stacks[0].[Outputs[?OutputKey=='PipelineName'], Outputs[?OutputKey=='ConnectionArn']][].OutputValue")
  set -- $outputs
  ask codepipeline get-pipeline --name "$1" >/dev/null
  ask codepipeline get-pipeline-state --name "$1" >/dev/null
  ask codeconnections get-connection --connection-arn "$2" >/dev/null
}

algorithm() {
  name=${1%%=*} active=${1#*=}
  newest=$(ask dynamodb query --table-name "$table" --output text \
    --key-condition-expression "algorithm = :name" --filter-expression "phase = :phase" \
    --expression-attribute-values \
    "{\":name\": {\"S\": \"$name\"}, \":phase\": {\"S\": \"PACKAGE_TESTS_COMPLETE\"}}" \
    --query "Items[].[version.S]" | sort -V | tail -n 1)
  if [ "$newest" != "$active" ]; then
    ask dynamodb query --table-name "$ledger" --key-condition-expression "pk = :pk" \
      --expression-attribute-values "{\":pk\": {\"S\": \"algorithm#opt#$name\"}}" >/dev/null
  fi
}

what=$1
shift
case $what in
  stacks)
    for environment; do
      for short in registry site listener publish slack watch pipeline; do
        stack "phaseline-$environment-$short"
      done
      pipeline "phaseline-$environment-pipeline"
    done
    ;;
  algorithms)
    table=$1 ledger=$2
    shift 2
    for one; do algorithm "$one"; done
    ;;
esac

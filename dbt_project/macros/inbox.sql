{#- The result that a producer of the inbox names. An unknown word is not a success. -#}
{% macro inbox_result(word) -%}
    case
        when {{ word }} in ('success', 'succeeded', 'successful', 'passed', 'pass', 'ok')
            then 'success'
        when {{ word }} in ('failure', 'failed', 'fail') then 'failure'
        when {{ word }} in ('error', 'errored') then 'error'
        when
            {{ word }} in (
                'cancel', 'cancelled', 'canceled', 'abort', 'aborted', 'stopped', 'killed',
                'rejected', 'declined'
            )
            then 'cancelled'
        when {{ word }} in ('timeout', 'timed_out', 'timedout') then 'timeout'
        when {{ word }} in ('skip', 'skipped') then 'skipped'
        when {{ word }} = 'neutral' then 'neutral'
        else 'unknown'
    end
{%- endmacro %}

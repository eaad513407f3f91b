{#- What is counted of attempts of runs, and of jobs, in the same way: sums and percentiles of a
    group of `ended`. -#}
{% macro ci_health_measures() -%}
        count(*) as attempts,
        count(case when result in ('success', 'failure', 'error', 'timeout') then 1 end)
            as judged_attempts,
        count(case when result in ('failure', 'error', 'timeout') then 1 end) as failed_attempts,
        count(case when is_flaky then 1 end) as flaky_attempts,
        count(case when is_retry then 1 end) as retries,
        count(case when result in ('error', 'timeout') or is_flaky then 1 end)
            as environment_failures,
        cast(
            sum(
                case
                    when result in ('error', 'timeout') or is_flaky
                        then coalesce(queue_s, 0) + coalesce(run_s, 0)
                end
            ) as bigint
        ) as environment_lost_s,
        count(queue_s) as queue_n,
        {{ percentile(0.5, 'queue_s') }} as queue_p50_s,
        {{ percentile(0.85, 'queue_s') }} as queue_p85_s,
        count(run_s) as run_n,
        {{ percentile(0.5, 'run_s') }} as run_p50_s,
        {{ percentile(0.85, 'run_s') }} as run_p85_s,
        cast(sum(machine_s) as bigint) as machine_s,
        cast(sum(priced_machine_s) as bigint) as priced_machine_s,
        {{ exact_sum('cost') }} as cost
{%- endmacro %}

{#- The month in which something of a service ended, as its value stream counts days. -#}
{% macro month_of(moment, zone) -%}
    cast(date_trunc('month', {{ local_time(moment, zone) }}) as date)
{%- endmacro %}

{#- A sum of fractions that is the same in whatever order they are added: to fifteen digits. -#}
{% macro exact_sum(number) -%}
    cast(sum(cast({{ number }} as decimal(38, 15))) as double)
{%- endmacro %}

{#- The union of the intervals [starts_at, ends_at) of a relation, per key: disjoint, in order, touching
    ones joined. Time that two of them share counts once. -#}
{% macro union_of_intervals(relation, key) -%}
    select
        {{ key }},
        min(starts_at) as starts_at,
        max(ends_at) as ends_at

    from (
        select
            *,
            sum(case when starts_at <= latest_end then 0 else 1 end) over (
                partition by {{ key }}
                order by starts_at
                rows between unbounded preceding and current row
            ) as island

        from (
            select
                {{ key }},
                starts_at,
                ends_at,
                max(ends_at) over (
                    partition by {{ key }}
                    order by starts_at
                    rows between unbounded preceding and 1 preceding
                ) as latest_end

            from {{ relation }}
        ) as ordered
    ) as numbered

    group by {{ key }}, island
{%- endmacro %}

{#- Whether a dated row holds at a moment: a version of an item, or a line of a seed, whose days are
    those of UTC (a change of owner has two time zones, and everybody must agree on the instant).
    Open ends are far dates and not `or x is null`: an engine makes a hash join of plain comparisons,
    and a nested loop over all pairs of anything else. -#}
{% macro valid_at(row, moment) -%}
    (
        {{ moment }} >= coalesce(cast({{ row }}.valid_from as timestamp), timestamp '0001-01-01')
        and {{ moment }} < coalesce(cast({{ row }}.valid_to as timestamp), timestamp '9999-12-31')
    )
{%- endmacro %}

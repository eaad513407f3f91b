{#- Whether a dated row of a seed holds at a moment. Its days are those of UTC: a change of owner has two
    time zones, and everybody must agree on the instant. -#}
{% macro valid_at(row, moment) -%}
    (
        ({{ row }}.valid_from is null or {{ moment }} >= cast({{ row }}.valid_from as timestamp))
        and ({{ row }}.valid_to is null or {{ moment }} < cast({{ row }}.valid_to as timestamp))
    )
{%- endmacro %}

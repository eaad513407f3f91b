{#- A percentile by nearest rank: the value of a real item. Of fewer than `least_percentile_values` it
    is none, for it would say nothing. Values that are null do not count. -#}
{% macro percentile(share, values) -%}
    case
        when count({{ values }}) >= {{ var('least_percentile_values') }}
            then cast(percentile_disc({{ share }}) within group (order by {{ values }}) as bigint)
    end
{%- endmacro %}
